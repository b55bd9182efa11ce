import type { PhaseOptions } from '@hazure/contracts';
import type { Inputs } from '@hazure/inputs';
import type { ComposedStages } from './compose/stages.js';
import type { Session } from './session.js';

/** The images that a phase works on. */
export interface InputImages extends Inputs {
  /** The inputs as the user gave them. */
  readonly given: string;
  readonly args: readonly string[];
}

export interface PhaseRequest {
  readonly options: PhaseOptions;
  readonly session: Session;
  readonly composed: ComposedStages;
  readonly input: InputImages;
}
