import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { manifestSchemaText, SCHEMA_FILE } from '#scripts/schema.ts';

describe('published manifest schema', () => {
  it('is the one that the code reads manifests by (else run node scripts/schema.ts and the formatter)', async () => {
    expect(JSON.parse(await readFile(SCHEMA_FILE, 'utf8'))).to.deep.equal(JSON.parse(manifestSchemaText()));
  });
});
