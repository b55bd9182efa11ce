/**
 * The API part of docs/reference/library.md, written from the docstrings of what `import … from 'hazure'` gives:
 * `npm run build && node tools/house/api.mjs` writes it, a test compares it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';
import { flagOf, optionMeta, phaseOptionsJsonSchema, phaseOptionsSchema } from '@hazure/contracts';
import { ROOT } from './architecture.mjs';

const PAGE = 'docs/reference/library.md';
const BEGIN = '<!-- api: written by tools/house/api.mjs -->';
const END = '<!-- /api -->';

/** Text for a table's cell. @param {string} text */
const cell = (text) =>
  text
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
    .trim();

/** @param {ts.TypeChecker} checker @param {ts.Symbol} symbol */
function docOf(checker, symbol) {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker));
}

/** @param {ts.TypeChecker} checker @param {ts.Symbol} symbol */
function tagsOf(checker, symbol) {
  return symbol
    .getJsDocTags(checker)
    .filter(({ name }) => ['param', 'throws', 'returns'].includes(name))
    .map(({ name, text }) => ({ name, text: ts.displayPartsToString(text) }));
}

/**
 * @param {ts.TypeChecker} checker @param {ts.Symbol} member @param {ts.Node} at
 * @returns {string} its type, or a method's signature
 */
function typeText(checker, member, at) {
  const type = checker.getTypeOfSymbolAtLocation(member, at);
  const text = checker.typeToString(
    type,
    at,
    ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope,
  );
  return text.replace(/ \| undefined$/, '');
}

/** @param {ts.TypeChecker} checker @param {ts.Symbol} symbol @param {ts.Declaration} declaration */
function section(checker, symbol, declaration) {
  const lines = [`### ${symbol.name}`, '', docOf(checker, symbol), ''];
  if (ts.isFunctionDeclaration(declaration)) {
    const type = checker.getTypeOfSymbolAtLocation(symbol, declaration);
    for (const signature of type.getCallSignatures()) {
      const text = checker.signatureToString(signature, declaration, ts.TypeFormatFlags.NoTruncation);
      lines.push('```text', `${symbol.name}${text}`, '```', '');
    }
  }
  for (const { name, text } of tagsOf(checker, symbol)) lines.push(`- \`@${name}\` ${cell(text)}`);
  if (lines.at(-1) !== '') lines.push('');
  const type = checker.getDeclaredTypeOfSymbol(symbol);
  const alias = ts.isTypeAliasDeclaration(declaration) && !ts.isTypeLiteralNode(declaration.type);
  if (alias) {
    const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias;
    lines.push('```text', checker.typeToString(type, declaration, flags), '```', '');
  }
  const members =
    ts.isFunctionDeclaration(declaration) || alias
      ? []
      : checker.getPropertiesOfType(type).filter((member) => isPublic(member));
  // options of the stages have a table of their own, from their schemas
  const own = members.filter((member) => !isChoices(symbol) || docOf(checker, member) !== '');
  if (own.length > 0) {
    lines.push('| member | type | |', '| --- | --- | --- |');
    for (const member of own) {
      const name = member.flags & ts.SymbolFlags.Optional ? `${member.name}?` : member.name;
      const thrown = tagsOf(checker, member).map(({ name: tag, text }) => `@${tag} ${text}`);
      const said = [docOf(checker, member), ...thrown].join(' ');
      const plain = name.startsWith('__@asyncIterator') ? '[Symbol.asyncIterator]' : name;
      lines.push(`| \`${plain}\` | \`${cell(typeText(checker, member, declaration))}\` | ${cell(said)} |`);
    }
    lines.push('');
  }
  if (own.length < members.length) lines.push('and the options below.', '');
  return lines.join('\n');
}

/** @param {ts.Symbol} symbol */
const isChoices = (symbol) => /^(Learn|Detect|Run|OpenBaseline)Options$/.test(symbol.name);

/** @param {ts.Symbol} member */
function isPublic(member) {
  const declaration = member.declarations?.[0];
  if (!declaration) return true;
  return (
    (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) === 0
  );
}

/** Options of the stages, from their schemas. */
function optionsTable() {
  const { properties } =
    /** @type {{properties: Record<string, {description?: string, default?: unknown}>}} */ (
      phaseOptionsJsonSchema()
    );
  const rows = Object.keys(phaseOptionsSchema.shape).map((key) => {
    const schema = /** @type {any} */ (properties[key]);
    const { commands } = optionMeta(/** @type {any} */ (key));
    const values = (
      schema.enum ??
      schema.anyOf?.map((/** @type {any} */ each) => each.const ?? each.type) ?? [schema.type]
    ).join(', ');
    const range = [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum];
    const limits = range.every((each) => each === undefined || Math.abs(each) > 2 ** 52)
      ? ''
      : ` ${range.map((each) => (each === undefined || Math.abs(each) > 2 ** 52 ? '' : each)).join('…')}`;
    const standard = schema.default === undefined ? '' : JSON.stringify(schema.default);
    return `| \`${key}\` | \`${flagOf(key)}\` | ${cell(values + limits)} | ${cell(standard)} | ${commands?.join(', ') ?? 'all'} | ${cell(schema.description ?? '')} |`;
  });
  return [
    '## Options',
    '',
    '| name | flag | values | default | of | |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/** @param {string} root */
export async function renewedLibraryPage(root) {
  const entry = join(root, 'apps/cli/src/index.ts');
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram([entry], { ...options, composite: false, noEmit: true });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const exported = source && checker.getSymbolAtLocation(source);
  if (!exported) throw new Error(`${entry} exports nothing`);
  const symbols = checker
    .getExportsOfModule(exported)
    .map((each) => (each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each));
  const rank = (/** @type {ts.Symbol} */ each) =>
    each.flags & ts.SymbolFlags.Function ? 0 : each.flags & ts.SymbolFlags.Class ? 1 : 2;
  const ordered = [...symbols].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  const sections = ordered.flatMap((symbol) => {
    const [declaration] = symbol.declarations ?? [];
    return declaration ? [section(checker, symbol, declaration)] : [];
  });
  const page = readFileSync(join(root, PAGE), 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} lacks the marks ${BEGIN} and ${END}`);
  const text = [BEGIN, '', '## API', '', ...sections, optionsTable(), END].join('\n');
  const whole = page.slice(0, begin) + text + page.slice(end + END.length);
  return {
    page,
    renewed: await format(whole, {
      ...(await resolveConfig(join(root, PAGE))),
      parser: 'markdown',
      printWidth: 110,
      proseWrap: 'preserve',
    }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { renewed } = await renewedLibraryPage(ROOT);
  writeFileSync(join(ROOT, PAGE), renewed);
}
