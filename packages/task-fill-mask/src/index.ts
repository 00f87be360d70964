export { fillMask, type FilledMask, type FillMaskCall, type FillMaskOptions, type MaskFiller } from './fill-mask.js'
