export type { DeviceName } from './devices.js'
export type { TfjsOptions, TfjsPluginOptions } from './options.js'
export { tfjs } from './tfjs.js'
