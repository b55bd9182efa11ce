/** Code blocks and links of the repository's Markdown. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { filesBelow } from './graph.mjs';

/**
 * @typedef {object} CodeBlock
 * @property {string} where page and line
 * @property {string} language as written behind the fence; empty where nothing is
 * @property {string} text
 */

/** @param {string} root @returns {string[]} absolute paths of all pages */
export function pagesOf(root) {
  const top = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'].map((name) => join(root, name));
  const below = ['apps', 'libs', 'native', 'tools', 'docs', '.github'].flatMap((name) =>
    filesBelow(join(root, name), /\.md$/),
  );
  return [...top, ...below].filter((path) => existsSync(path));
}

/** @param {string} root @returns {CodeBlock[]} */
export function codeBlocksOf(root) {
  return pagesOf(root).flatMap((path) => {
    /** @type {CodeBlock[]} */
    const blocks = [];
    let open = -1;
    const lines = readFileSync(path, 'utf8').split('\n');
    lines.forEach((line, i) => {
      const fence = /^\s*```(\S*)/.exec(line);
      if (!fence) return;
      if (open < 0) open = i;
      else {
        const language = /^\s*```(\S*)/.exec(lines[open])?.[1] ?? '';
        blocks.push({
          where: `${relative(root, path)}:${open + 1}`,
          language,
          text: lines.slice(open + 1, i).join('\n'),
        });
        open = -1;
      }
    });
    return blocks;
  });
}

/** Links and pictures of all pages that lead into the repository and to nothing. @param {string} root @returns {string[]} */
export function deadLinks(root) {
  return pagesOf(root).flatMap((path) => {
    const text = readFileSync(path, 'utf8').replace(/^\s*```[\s\S]*?^\s*```/gm, '');
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target)
      .filter((target) => !/^([a-z]+:|#)/.test(target))
      .filter((target) => !existsSync(join(dirname(path), target.replace(/#.*$/, ''))))
      .map((target) => `${relative(root, path)} → ${target}`);
  });
}
