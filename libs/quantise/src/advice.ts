import type { Engine } from '@hazure/native-engine';
import type { Agreement } from './judge/judge.js';
import type { SpeedComparison } from './judge/speed.js';
import type { QuantiseReport } from './report.js';

/** Below this a faster model is not worth another file and its error. */
const LEAST_SPEEDUP = 1.1;

/** Whether to use a quantised model, from what was measured. */
export function adviceFor(
  agreement: Agreement,
  speed: SpeedComparison | null,
  maxLoss: number,
): Pick<QuantiseReport, 'advice' | 'because'> {
  const loss = `a loss of ${agreement.loss.toFixed(4)} (allowed: ${maxLoss})`;
  if (agreement.loss > maxLoss) return { advice: 'stay', because: `${loss} is not within the budget` };
  if (speed === null) return { advice: 'use', because: `${loss}; its speed has to be measured on the GPU` };
  const gain = `${speed.speedup.toFixed(2)}× the speed on one core of this machine`;
  return speed.speedup >= LEAST_SPEEDUP
    ? { advice: 'use', because: `${gain}, at ${loss}` }
    : { advice: 'stay', because: `only ${gain}, at ${loss}` };
}

/**
 * Whether products of unsigned activations and signed weights are summed in 16 bits here: x86 with AVX2 or AVX-512 but
 * without VNNI. Other architectures sum in 32 bits.
 */
export function saturates(engine: Engine): boolean {
  const { cpuFeatures } = engine.info();
  const x86 = cpuFeatures.some((feature) => /^(sse|avx)/i.test(feature));
  return x86 && !cpuFeatures.some((feature) => /vnni/i.test(feature));
}
