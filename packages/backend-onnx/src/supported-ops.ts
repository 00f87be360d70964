import type { Node, ValueInfo } from '@tenon/core'

const words = (text: string) => text.trim().split(/\s+/)

/**
 * Operators with a kernel on the CPU for the version they have in opset 21, which is what is written, as ONNX Runtime
 * 1.30.0 registers them (`get_all_opkernel_def()` of its Python binding, CPUExecutionProvider); with Constant, which
 * becomes a weight when a model is loaded, and with ONNX Runtime's own SimplifiedLayerNormalization. In another opset
 * the list is another: the random operators have no kernel for version 22.
 */
const standard = words(`
  Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift
  BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast Ceil Celu Clip Col2Im Compress Concat
  ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DFT DeformConv
  DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten
  Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater
  GreaterOrEqual GridSample HammingWindow HannWindow HardSigmoid Hardmax Identity If InstanceNormalization IsInf IsNaN
  LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul
  MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mod Mul
  Multinomial Neg NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or PRelu Pad Pow
  QLinearConv QLinearMatMul QuantizeLinear RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range
  Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
  ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign Round STFT Scan ScatterElements
  ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength Shape Shrink
  Sigmoid Sign SimplifiedLayerNormalization Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split
  SplitToSequence Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum Tan Tanh TfIdfVectorizer
  ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Where Xor
`)

/** Operators of opset 21 that ONNX defines as functions of others, and that ONNX Runtime expands by itself. */
const functions = words(`
  Bernoulli CastLike CenterCropPad GroupNormalization HardSwish Mish NegativeLogLikelihoodLoss SequenceMap
  SoftmaxCrossEntropyLoss
`)

/**
 * The same list for the domain com.microsoft, without MoE: its kernel may write over its input before it has read all of it, and
 * does on several threads.
 */
const microsoft = words(`
  Attention AttnLSTM BeamSearch BiasGelu BifurcationDetector CDist CausalConvWithState ConvTransposeWithDynamicPads
  CropAndResize DecoderMaskedMultiHeadAttention DequantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul
  DynamicTimeWarping EmbedLayerNormalization EngramGate ExpandDims FastGelu FusedConv FusedGemm FusedMatMul GatedAdd
  GatedRMSNorm GatherBlockQuantized GatherND Gelu GreedySearch GridSample GroupQueryAttention Inverse LinearAttention
  LinearAttentionGate MRotaryEmbedding MatMulBnb4 MatMulFpQ4 MatMulInteger16 MatMulIntegerToFloat MatMulNBits
  MaxpoolWithMask MultiHeadAttention MurmurHash3 NGramHashMapping NGramRepeatBlock NhwcMaxPool Pad QAttention
  QEmbedLayerNormalization QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool
  QLinearLeakyRelu QLinearMul QLinearSigmoid QLinearSoftmax QLinearWhere QMoE QuantizeLinear QuickGelu Range
  RotaryEmbedding SampleOp Sampling SkipLayerNormalization SkipSimplifiedLayerNormalization SparseAttention
  SparseToDenseMatMul Tokenizer TransposeMatMul Trilu UnfoldTensor Unique WhisperBeamSearch WordConvEmbedding
`)

const supported = new Set([...standard, ...functions, ...microsoft.map((name) => `com.microsoft::${name}`)])

/**
 * Whether ONNX Runtime can run a node. The answer is by name: whether there is a kernel for its types shows when the
 * model is loaded, but for Mod, whose kernels for floats take the sign of the dividend only and say so when they run, and for GroupQueryAttention, whose kernel is for some sizes of heads.
 */
export function supportsNode(node: Node, inputs: readonly (ValueInfo | undefined)[] = []): boolean {
  if (node.op === 'Mod' && (node.attributes as { fmod?: number }).fmod !== 1 && inputs[0]?.dtype.includes('float') === true) return false
  if (node.op === GROUP_QUERY_ATTENTION && !fitsKernel(node as Node<typeof GROUP_QUERY_ATTENTION>, inputs)) return false
  return supported.has(node.op)
}

const GROUP_QUERY_ATTENTION = 'com.microsoft::GroupQueryAttention'

/** Its kernel refuses heads of a size that is no multiple of 8, or of 16 where it turns them by their positions. */
function fitsKernel({ attributes, inputs: names }: Node<typeof GROUP_QUERY_ATTENTION>, [query]: readonly (ValueInfo | undefined)[]): boolean {
  const { num_heads: heads, kv_num_heads: kvHeads, do_rotary: rotary } = attributes
  const hidden = query?.shape.at(-1)
  if (typeof hidden !== 'number') return true
  const size = hidden / (names[1] ? heads : heads + 2 * kvHeads)
  return size % (rotary ? 16 : 8) === 0
}
