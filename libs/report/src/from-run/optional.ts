import { InputError } from '@hazure/contracts';
import { RunReader } from '@hazure/run-store';

/** Parts of a report that may be lacking, and why; the report shows the reasons. */
export class Notes {
  readonly list: string[] = [];

  /** What can be read, or null: what is not there is left out, what is there and damaged is said as well. */
  async optional<T>(what: string, read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (error.code !== 'ARTIFACT_MISSING') this.list.push(`${what} is not shown: ${error.message}`);
      return null;
    }
  }
}

/** The baseline that a run was judged against, or null where its folder is gone. */
export async function baselineOf(folder: string, notes: Notes): Promise<RunReader | null> {
  const reader = await notes.optional('The baseline', async () => {
    try {
      return await RunReader.open(folder);
    } catch (error) {
      if (error instanceof InputError && error.code === 'BASELINE_INVALID') return null;
      throw error;
    }
  });
  if (reader === null) notes.list.push(`The baseline's folder is not there any more: ${folder}`);
  return reader;
}
