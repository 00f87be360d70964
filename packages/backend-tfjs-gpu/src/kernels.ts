/** The kernels of TensorFlow.js that are used. All its backends in Node have them: native, WebAssembly and JavaScript. */
export const kernelNames = [
  'Abs', 'Add', 'BatchMatMul', 'Cast', 'Ceil', 'ClipByValue', 'Concat', 'Conv2D', 'Cos', 'Cumsum', 'Equal', 'Erf', 'Exp', 'Fill', 'Floor', 'GatherV2',
  'Greater', 'GreaterEqual', 'Identity', 'IsNan', 'Less', 'LessEqual', 'Log', 'LogicalAnd', 'LogicalNot', 'LogicalOr', 'Max', 'Maximum', 'Mean', 'Min', 'Minimum', 'Multiply', 'Neg', 'NotEqual',
  'PadV2', 'Pow', 'Prod', 'RealDiv', 'Reciprocal', 'Relu', 'Reshape', 'Round', 'ScatterNd', 'Select', 'Sigmoid', 'Sign', 'Sin', 'Slice', 'Softmax', 'Sqrt', 'Square', 'Sub', 'Sum',
  'Tanh', 'TensorScatterUpdate', 'Tile', 'Transpose',
] as const

export type KernelName = (typeof kernelNames)[number]
