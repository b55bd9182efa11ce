import { quote } from '@hazure/concept-matching';

/** What a vision model is asked about a crop. Short and concrete, because the first noun phrase decides. */
export const CAPTION_PROMPT =
  'Describe the main object in this image in one short sentence. Name the object first, then its condition and ' +
  'anything unusual about it. Answer with the sentence only.';

/** The prompt, with what the detector calls the object where it is to be told. */
export function promptFor(prompt: string, className: string | null): string {
  return className === null
    ? prompt
    : `${prompt} A detector calls the object ${quote(plainText(className))}.`;
}

/** Text that a chat format can't mistake for its own marks (`<|im_end|>`, `<|image_pad|>`): those are left out. */
function plainText(text: string): string {
  return text.replace(/<\|[^|]*\|>/g, ' ');
}
