import type { Clock, ConceptMatch, MapPlot, RunPresenter } from '@hazure/contracts';
import { plotMap, plotProbabilities, renderBaselineReport, renderDetectionReport } from '@hazure/report';
import { RunArtifacts, type ConfigFile } from './artifacts.js';
import { baselineReport } from './baseline.js';
import { detectionReport } from './detection.js';

/** Plots and reports through the report room. */
export class ReportPresenter implements RunPresenter {
  constructor(private readonly clock: Clock) {}

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
    const artifacts = new RunArtifacts(folder);
    const { phase } = await artifacts.json<ConfigFile>('config.json');
    const finishedAt = this.clock.now();
    return phase === 'learn'
      ? renderBaselineReport(await baselineReport(artifacts, finishedAt))
      : renderDetectionReport(await detectionReport(artifacts, finishedAt));
  }
}
