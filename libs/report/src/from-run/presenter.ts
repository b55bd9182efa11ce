import type { Clock, ConceptMatch, MapPlot, RunPresenter } from '@hazure/contracts';
import { renderBaselineReport } from '../html/baseline.js';
import { renderDetectionReport } from '../html/detection.js';
import { plotMap } from '../plots/map.js';
import { plotProbabilities } from '../plots/probabilities.js';
import { RunReader } from '@hazure/run-store';
import { baselineReport } from './baseline.js';
import { detectionReport } from './detection.js';

/** Plots and reports through the report room. */
export class ReportPresenter implements RunPresenter {
  /** @param version of hazure, for the report's foot */
  constructor(
    private readonly clock: Clock,
    private readonly version: string,
  ) {}

  async mapPng(plot: MapPlot): Promise<Uint8Array> {
    return plotMap({
      title: plot.title,
      points: plot.xy,
      labels: plot.classNames,
      baselineClasses: plot.baselineClasses,
      outliers: plot.outliers,
      // a map of a baseline alone is not faded
      ...(plot.isNew.includes(true) ? { baseline: plot.isNew.map((fresh) => !fresh) } : {}),
    });
  }

  async probabilitiesPng(title: string, matches: readonly ConceptMatch[]): Promise<Uint8Array> {
    return plotProbabilities({ title, matches });
  }

  async reportHtml(folder: string): Promise<string> {
    const run = RunReader.unfinished(folder);
    const { phase } = await run.config();
    const made = { at: this.clock.now(), version: this.version };
    return phase === 'learn'
      ? renderBaselineReport(await baselineReport(run, made))
      : renderDetectionReport(await detectionReport(run, made));
  }
}
