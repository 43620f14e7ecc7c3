import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { REASON_CODES } from '#shared/attestation/reasons.ts';

const HERE = import.meta.dirname;

describe('reason codes', () => {
  it('are each named by a test that provokes them', () => {
    const texts = readdirSync(HERE, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => readFileSync(join(HERE, name), 'utf8'));
    const missing = Object.keys(REASON_CODES).filter((code) => !texts.some((text) => text.includes(`'${code}'`)));
    expect(missing).to.deep.equal([]);
  });

  it('have words that say what is wrong, without a full stop', () => {
    for (const [code, words] of Object.entries(REASON_CODES)) {
      expect(code).to.match(/^[A-Z]+(_[A-Z]+)*$/);
      expect(words, code).to.match(/^[a-zA-Z].{15,}[^.]$/);
    }
  });
});
