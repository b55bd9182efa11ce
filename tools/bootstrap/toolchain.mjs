/** What is needed to build the addon: a C++20 compiler, CMake, and make or ninja. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const OLDEST_CMAKE = [3, 22];

/** First line of `command --version`, or null where it can't be run. */
export function versionLine(command, args = ['--version']) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.error || result.status !== 0) return null;
  return `${result.stdout}${result.stderr}`.split('\n').find((line) => line.trim() !== '') ?? null;
}

function newEnough(line, oldest) {
  const match = /(\d+)\.(\d+)/.exec(line ?? '');
  if (!match) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

/**
 * The build tools of this machine.
 *
 * @returns {{ compiler: string | null, cmake: string | null, generator: string | null, missing: string[] }}
 *   version lines, CMake's generator, and the names of Debian packages that would supply what is missing
 */
export function toolchain() {
  const compilers = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  const compiler = compilers.map((command) => versionLine(command)).find((line) => line !== null) ?? null;
  const cmakeLine = versionLine('cmake');
  const cmake = newEnough(cmakeLine, OLDEST_CMAKE) ? cmakeLine : null;
  const ninja = versionLine('ninja');
  const make = versionLine('make');
  const generator = ninja !== null ? 'Ninja' : make !== null ? 'Unix Makefiles' : null;
  const missing = [];
  if (compiler === null) missing.push('g++');
  if (generator === null) missing.push('make');
  if (cmake === null) missing.push('cmake');
  return { compiler, cmake, generator, missing };
}

/** The command that installs packages on this system, to be run or shown. */
function installCommand(packages) {
  if (existsSync('/etc/debian_version')) return `apt-get update && apt-get install -y ${packages.join(' ')}`;
  if (existsSync('/etc/fedora-release') || existsSync('/etc/redhat-release')) {
    return `dnf install -y ${packages.map((name) => (name === 'g++' ? 'gcc-c++' : name)).join(' ')}`;
  }
  if (existsSync('/etc/alpine-release')) return `apk add ${packages.join(' ')} linux-headers`;
  if (existsSync('/etc/arch-release')) {
    return `pacman -S ${packages.map((name) => (name === 'g++' ? 'gcc' : name)).join(' ')}`;
  }
  if (process.platform === 'darwin') return 'xcode-select --install && brew install cmake';
  return null;
}

/**
 * Makes sure that the build tools are there: as root on Debian or Ubuntu what is missing is installed, elsewhere the
 * error says which command to run.
 *
 * @param {(text: string) => void} say told what is being installed
 */
export function ensureToolchain(say) {
  let found = toolchain();
  if (found.missing.length > 0) {
    const command = installCommand(found.missing);
    const root = process.getuid?.() === 0;
    const list = found.missing.join(', ');
    if (!root || command === null || !command.startsWith('apt-get')) {
      const advice =
        command === null
          ? `Install ${list} (CMake ${OLDEST_CMAKE.join('.')} or newer).`
          : `Run:\n\n    ${root || process.platform === 'darwin' ? command : `sudo sh -c '${command}'`}\n\nand start again.`;
      throw new Error(`The native engine needs ${list}, not found on this machine. ${advice}`);
    }
    say(`installing ${list}`);
    const result = spawnSync('sh', ['-c', command], {
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      maxBuffer: 1 << 26,
    });
    found = toolchain();
    if (result.status !== 0 || found.missing.length > 0) {
      const tail = `${result.stdout}${result.stderr}`.trim().split('\n').slice(-8).join('\n');
      throw new Error(
        `Installing ${list} did not work:\n${tail}\n\nInstall by hand and start again:\n\n    ${command}`,
      );
    }
  }
  return found;
}
