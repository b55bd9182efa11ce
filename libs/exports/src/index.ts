export {
  EXPORT_FORMATS,
  exportRun,
  type ExportFormat,
  type ExportOptions,
  type ExportResult,
} from './export-run.js';
