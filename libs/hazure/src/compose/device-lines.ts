import type { ModelInfo } from '@hazure/contracts';

/**
 * Where the models run, each device once with the reason for it: `cpu (no NVIDIA driver was found): nanodet,
 * nanodet-features`. The engine's reason names every provider that it passed over; what they have in common is said once.
 */
export function deviceLines(models: readonly Pick<ModelInfo, 'name' | 'device'>[]): string[] {
  const byDevice = new Map<string, string[]>();
  for (const { name, device } of models) {
    const names = byDevice.get(device) ?? [];
    if (!names.includes(name)) names.push(name);
    byDevice.set(device, names);
  }
  return [...byDevice].map(([device, names]) => `${shortDevice(device)}: ${names.join(', ')}`);
}

/** `cpu (auto: TensorRT left out (why); CUDA left out (why))` → `cpu (why)`. */
function shortDevice(device: string): string {
  const reasons = [...device.matchAll(/([\w ]+?) left out \(([^()]*(?:\([^()]*\)[^()]*)*)\)/g)];
  if (reasons.length === 0) return device;
  const where = device.slice(0, device.indexOf(' ('));
  const [first] = reasons;
  const said = reasons.every(([, , why]) => why === first[2])
    ? first[2]
    : reasons.map(([, what, why]) => `no ${what.trim()}: ${why}`).join('; ');
  return `${where} (${said})`;
}
