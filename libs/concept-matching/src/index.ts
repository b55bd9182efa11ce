export { buildCandidates, type CandidateSources } from './candidates.js';
export {
  CONCEPT_RELATIONS,
  conceptListSchema,
  conceptSchema,
  parseConceptFile,
  type Concept,
  type ConceptList,
  type ConceptRelation,
} from './concept-list.js';
export { explain } from './explain.js';
export { parseConceptAnswer } from './language-model/answer.js';
export {
  expandWithLanguageModel,
  type LanguageExpansion,
  type LanguageExpansionOptions,
  type PromptType,
} from './language-model/expansion.js';
export { withoutMarks, withoutReasoning, type PlainAnswer } from './language-model/plain-answer.js';
export { defaultTemperature, matchConcepts, type MatchOptions } from './matching.js';
export { normaliseText, quote } from './text.js';
export { fuse, fuseOutlier } from './fusion.js';
export type { FusionMode } from './fusion-mode.js';
export { judgeCaptions, judgeSemantics } from './verdict.js';
export { defaultDictionaryFolder, WordNetDatabase, type NounSense } from './wordnet/database.js';
export {
  expandWithWordNet,
  type WordNetExpansionOptions,
  type WordNetRelation,
} from './wordnet/expansion.js';
export { WordNetSimilarity } from './wordnet/similarity.js';
export { NounTaxonomy, type SynsetPointer } from './wordnet/taxonomy.js';
