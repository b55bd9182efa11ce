export {
  intersectionOverUnion,
  meanAveragePrecision,
  type LabelledBox,
  type MeanAveragePrecision,
  type ScoredBox,
} from './average-precision.js';
export { FakeClock, RecordingLogger, type LoggedLine } from './fakes.js';
export { paintPicture } from './pictures.js';
export { HubServer } from './servers/hub-server.js';
export { VisionServer, type Question, type Reply } from './servers/vision-server.js';
export { makeTinyModel, runTinyModelScript, type TinyModel, type TinyModelScript } from './tiny-models.js';
