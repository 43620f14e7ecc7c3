import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import type { Outcome } from '#client/vectors/run.ts';
import { readVectors, vectorsFolder } from '#scripts/attestation-vectors.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';
import { chromiumPath, launchChromium } from './chromium.ts';
import { allOutcomes } from './outcomes.ts';
import { bundlePage, type PageBundle } from './page-bundle.ts';
import { type PageServer, servePages } from './page-server.ts';

const ENTRY = 'test/browser/page.ts';
/** What the verifier needs in a browser besides our own code. */
const PACKAGES = ['@noble/curves', '@noble/hashes', '@noble/post-quantum', '@sinclair/typebox'];
const PAGE =
  '<!doctype html><meta charset="utf-8"><title>verifier</title><script type="module" src="/page.js"></script>';
const MINUTES_MS = 60_000;

function packagesIn({ metafile }: PageBundle): readonly string[] {
  const names = Object.keys(metafile.inputs).flatMap((path) => {
    const [first = '', second = ''] = path.split('node_modules/')[1]?.split('/') ?? [];
    if (first === '') return [];
    return [first.startsWith('@') ? `${first}/${second}` : first];
  });
  return [...new Set(names)].toSorted();
}

describe('the verifier as a bundle for browsers', () => {
  let bundle: PageBundle;
  before(async () => {
    bundle = await bundlePage({ entry: ENTRY });
  });

  it('holds every verifier and nothing of Node, nor anything in its place', () => {
    const inputs = Object.keys(bundle.metafile.inputs);
    expect(inputs).to.include.members([
      'shared/attestation/platforms.ts',
      'shared/crypto/web.ts',
      'client/vectors/run.ts',
    ]);
    expect(inputs).to.not.include('shared/crypto/node.ts');
    expect(packagesIn(bundle)).to.deep.equal(PACKAGES);
    const outside = Object.values(bundle.metafile.inputs).flatMap(({ imports }) =>
      imports.filter(({ external }) => external),
    );
    expect(outside).to.deep.equal([]);
  });

  for (const [module, text] of [
    ['a module of Node', "import 'node:crypto';"],
    ['a module of Node under its old name', "import { Buffer } from 'buffer'; console.log(Buffer);"],
    ['our port to Node', "import { nodeCrypto } from '#shared/crypto/node.ts'; console.log(nodeCrypto);"],
  ] as const) {
    it(`cannot be built with ${module}`, async () => {
      const failed = await bundlePage({ text }).then(
        () => 'it was built',
        (cause: unknown) => String(cause),
      );
      expect(failed).to.match(/Could not resolve/);
    });
  }
});

describe('the verifier in Chromium', () => {
  const isPresent = vectorsFolder() !== undefined;
  const program = chromiumPath();
  let browser: Browser | undefined;
  let server: PageServer | undefined;

  before(function () {
    if (isPresent && program !== undefined) return;
    const missing = !isPresent ? 'no attestation vectors (CLOISTER_VECTORS)' : 'no chromium';
    if (process.env['CI'] === 'true') throw new Error(`the verifier is not tested in a browser: ${missing}`);
    console.warn(`SKIPPED: the verifier is not tested in a browser: ${missing} on this machine`);
    this.skip();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  it('says of every sample, policy case and mutation exactly what it says under Node', async function () {
    this.timeout(5 * MINUTES_MS);
    const collection = await readVectors();
    const here = await allOutcomes(collection, memoCrypto());
    server = await servePages({
      '/': ['text/html', PAGE],
      '/page.js': ['text/javascript', (await bundlePage({ entry: ENTRY })).code],
      '/vectors.json': [
        'application/json',
        JSON.stringify([...collection.files].map(([path, bytes]) => [path, toBase64(bytes)])),
      ],
    });
    browser = await launchChromium(program ?? '');
    const page = await browser.newPage();
    page.setDefaultTimeout(4 * MINUTES_MS);
    await page.goto(server.url);
    const there: readonly Outcome[] = JSON.parse(
      await page.evaluate('cloisterOutcomes.then((outcomes) => JSON.stringify(outcomes))'),
    );
    console.log(`      ${there.length} outcomes in Chromium ${browser.version()}, ${here.length} under Node`);
    expect(there.length, 'outcomes').to.be.at.least(here.length).and.above(100);
    expect(there).to.deep.equal(JSON.parse(JSON.stringify(here)));
  });
});
