export type { CudaDevice, DeviceName, DeviceOption, TensorrtDevice } from './devices.js'
export type { OnnxruntimeLocation } from './library.js'
export { onnx } from './onnx.js'
export type { OnnxOptions, OnnxPluginOptions } from './options.js'
