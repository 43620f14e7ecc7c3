import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import type { Command } from 'commander';
import { buildProgram } from '#client/cli/program.ts';
import { CliRuntime } from '#client/cli/runtime.ts';
import { loadPolicy } from '#client/evidence/policy-file.ts';
import { ATTESTERS } from '#enclave/attester/attesters.ts';
import { readHostOptions } from '#host/options.ts';
import { CODES_FILE, codesText } from '#scripts/codes.ts';
import { VECTORS_FILE } from '#scripts/make-vectors.ts';
import { PLATFORMS_FILE, platformsText } from '#scripts/platforms.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { REFUSAL_CODES } from '#shared/fault/codes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const NOT_OURS = new Set(['node_modules', '.git', '.cloister', 'coverage', 'dist']);

/** Every Markdown file of the repository, relative to its root. */
function pages(folder = ROOT): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return pages(path);
    return entry.name.endsWith('.md') ? [relative(ROOT, path)] : [];
  });
}

function textOf(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** Without fenced blocks and code spans: what is left may hold links. */
function prose(page: string): string {
  return textOf(page)
    .replaceAll(/^ *```.*?^ *```/gms, '')
    .replaceAll(/`[^`\n]*`/g, '');
}

/** Relative targets of links that lead nowhere. */
function brokenLinks(page: string): readonly string[] {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^(?:[a-z]+:|#)/.test(target))
    .filter((target) => !existsSync(join(ROOT, dirname(page), target.split('#')[0] ?? '')));
}

/** The section of a page under a heading. */
function section(page: string, heading: string): string {
  const [, after] = textOf(page).split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`${page} has no section "${heading}"`);
  return after.split('\n## ')[0] ?? '';
}

/** Paths in code spans that begin with one of our folders. */
function pathsIn(text: string): readonly string[] {
  const spans = [...text.matchAll(/`([^`\s]+)`/g)].map(([, span = '']) => span);
  return spans.filter((span) =>
    /^(?:aggregator|client|docs|infra|scripts|shared|test)\/[\w./-]+(?:\.\w+|\/)$/.test(span),
  );
}

/** A command line that a page shows, as words. Placeholders count as values. */
interface Shown {
  readonly page: string;
  readonly line: string;
  readonly words: readonly string[];
}

function shownCommands(page: string): readonly Shown[] {
  const blocks = [...textOf(page).matchAll(/^ *```(?:sh|bash)?\n(.*?)^ *```/gms)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line.startsWith('cloister '))
    .map((line) => ({ page, line, words: wordsOf(line.replace(/\s>>?\s.*$/, '')).slice(1) }));
}

/** Policies by themselves: blocks of YAML that begin with one, wherever they are indented. */
function shownPolicies(page: string): readonly { readonly page: string; readonly text: string }[] {
  const blocks = [...textOf(page).matchAll(/^( *)```yaml\n(.*?)^ *```/gms)];
  return blocks.flatMap(([, indent = '', block = '']) => {
    const text = block.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    return text.startsWith('enclaves:') ? [{ page, text }] : [];
  });
}

function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** Program whose commands do nothing: what is tested is whether a command line is one. */
function inertProgram(): Command {
  const silent = { write: () => true };
  const world = { stdout: silent, stderr: silent, environment: {}, crypto: nodeCrypto, nowMs: () => 0 };
  const program = buildProgram(new CliRuntime({ ...world, signal: new AbortController().signal }));
  disarm(program);
  return program;
}

function disarm(command: Command): void {
  if (command.commands.length === 0) command.action(() => {});
  command.commands.forEach(disarm);
}

/** Why a shown command line would be refused; `undefined` when it would not. */
async function fault({ words }: Shown): Promise<string | undefined> {
  try {
    await inertProgram().parseAsync([...words], { from: 'user' });
    if (words[0] === 'host') readHostOptions(words.slice(1), {});
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

describe('the documentation', () => {
  it('has no relative link that leads nowhere', () => {
    const broken = pages().flatMap((page) => brokenLinks(page).map((target) => `${page}: ${target}`));
    expect(broken).to.deep.equal([]);
  });

  it('follows one update through files that exist', () => {
    const paths = pathsIn(section('README.md', 'Follow one update'));
    expect(paths.length).to.be.greaterThan(20);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).to.deep.equal([]);
  });

  it('names no file or folder that is not there', () => {
    const ours = pages().filter((page) => page.startsWith('docs/') || !page.includes('/'));
    const missing = ours.flatMap((page) =>
      pathsIn(textOf(page))
        .filter((path) => !existsSync(join(ROOT, path)))
        .map((path) => `${page}: ${path}`),
    );
    expect(missing).to.deep.equal([]);
  });

  it('shows only command lines that the command line takes', async () => {
    const shown = pages().flatMap(shownCommands);
    expect(shown.length).to.be.greaterThan(30);
    const faults = await Promise.all(shown.map(async (each) => ({ ...each, fault: await fault(each) })));
    expect(
      faults.filter((each) => each.fault !== undefined).map(({ page, line, fault: why }) => `${page}: ${line}: ${why}`),
    ).to.deep.equal([]);
  });

  it('shows only policies that can be used', () => {
    const shown = pages().flatMap(shownPolicies);
    const platforms = shown.flatMap(({ text, page }) => {
      const digits = text.replaceAll(/(\d+) hex digits/g, (_, count) => 'a'.repeat(Number(count)));
      return loadPolicy(utf8(digits), page).enclaves.map(({ platform }) => platform);
    });
    expect(platforms).to.include.members(ATTESTERS);
  });

  it('would not take a command line with an unknown option or command', async () => {
    const wrong = [
      'cloister study sign --nope x',
      'cloister nothing',
      'cloister host --nope',
      'cloister release open --nope',
    ];
    for (const line of wrong) {
      expect(await fault({ page: '', line, words: wordsOf(line).slice(1) }), line).to.be.a('string');
    }
  });

  it('has the present table of codes (else run node scripts/codes.ts)', () => {
    expect(readFileSync(CODES_FILE, 'utf8')).to.equal(codesText());
  });

  it('has the present page of platforms (else run node scripts/platforms.ts)', () => {
    expect(readFileSync(PLATFORMS_FILE, 'utf8')).to.equal(platformsText());
  });

  it('speaks of no refusal code that does not exist', () => {
    const known = new Set(Object.keys(REFUSAL_CODES));
    const family = /\b(?:FRAME|HANDSHAKE|PARTICIPANT|ROUND|COHORT|UPDATE|CHUNK|UPLOAD)_[A-Z_]*[A-Z]\b/g;
    const unknown = ['docs/protocol.md', 'docs/participant.md', 'docs/coordinator.md', 'docs/operator.md'].flatMap(
      (page) => [...textOf(page).matchAll(family)].filter(([code]) => !known.has(code)).map(([code]) => code),
    );
    expect(unknown).to.deep.equal([]);
  });

  it('quotes the vectors as they are', () => {
    const vectors: Readonly<Record<string, Readonly<Record<string, string>>>> = JSON.parse(
      readFileSync(VECTORS_FILE, 'utf8'),
    );
    const quoted = [...textOf('docs/protocol.md').matchAll(/^(\w+)\.(\w+) +([0-9a-f]+)$/gm)];
    expect(quoted.length).to.be.greaterThan(20);
    for (const [line, group = '', name = '', hex] of quoted) expect(vectors[group]?.[name], line).to.equal(hex);
  });
});
