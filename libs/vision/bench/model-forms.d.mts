export interface Form {
  readonly kind: 'detector' | 'embedder';
  readonly head: string;
}
export function allForms(): Form[];
export function tryForm(
  form: Form,
  folder: string,
): Promise<{ readonly title: string; readonly outcome: string; readonly detail: string }>;
