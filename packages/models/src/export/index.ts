export { exportModel, type ExportedFile, type ExportOptions, type ExportReport } from './export-model.js'
export { headOf } from './head-of.js'
