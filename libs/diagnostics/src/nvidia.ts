import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What the system itself shows of NVIDIA hardware, whether or not a driver can be opened. */
export interface NvidiaTraces {
  /** NVIDIA display or 3D controllers on the PCI bus. */
  readonly pciDevices: number;
  /** The kernel module's version, or null where none is loaded. */
  readonly kernelModule: string | null;
}

/** @param root stands for `/`, so that tests can lay out their own /sys and /proc */
export async function nvidiaTraces(root = '/'): Promise<NvidiaTraces> {
  const bus = join(root, 'sys/bus/pci/devices');
  let pciDevices = 0;
  for (const device of await readdir(bus).catch(() => [])) {
    const of = (name: string): Promise<string> =>
      readFile(join(bus, device, name), 'utf8').then(
        (text) => text.trim(),
        () => '',
      );
    // PCI vendor 10de, class 03: display controllers.
    if ((await of('vendor')) === '0x10de' && (await of('class')).startsWith('0x03')) pciDevices += 1;
  }
  const version = await readFile(join(root, 'proc/driver/nvidia/version'), 'utf8').catch(() => null);
  const kernelModule =
    version === null ? null : (/Kernel Module.*?\s(\d+\.[\d.]+)/.exec(version)?.[1] ?? 'of unknown version');
  return { pciDevices, kernelModule };
}

/** Whether this looks like the inside of a container. */
export function inContainer(root = '/'): boolean {
  return existsSync(join(root, '.dockerenv')) || existsSync(join(root, 'run/.containerenv'));
}
