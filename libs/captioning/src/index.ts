export { TemplateCaptioner } from './template/captioner.js';
