import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CSV_LIMITS, parseCsv, readCsv } from '#client/data/csv.ts';
import { Fault } from '#shared/fault/fault.ts';

const read = (text: string, features?: readonly string[]) =>
  parseCsv(text, 'site.csv', { label: 'y', ...(features ? { features } : {}) });

function messageOf(text: string, features?: readonly string[]): string {
  try {
    read(text, features);
  } catch (error) {
    if (error instanceof Fault && error.code === 'DATA_INVALID') return error.message;
    throw error;
  }
  return 'accepted';
}

describe('parseCsv', () => {
  it('reads features in file order and the label by name, wherever it stands', () => {
    const dataset = read('a,y,b\n1,0,2.5\n-3e2,1,.5\n');
    expect(dataset).to.deep.equal({
      features: Float32Array.of(1, 2.5, -300, 0.5),
      labels: Float32Array.of(0, 1),
      rows: 2,
      featureCount: 2,
    });
  });

  it('takes the columns that are named, in that order, and leaves the others unread', () => {
    expect([...read('a,note,b,y\n1,hello,2,0\n', ['b', 'a']).features]).to.deep.equal([2, 1]);
  });

  it('reads a byte-order mark, carriage returns, quotes, blanks and empty lines', () => {
    expect([...read('\uFEFF"a" , y\r\n\r\n"1", 0\r\n 2 ,1').features]).to.deep.equal([1, 2]);
  });

  it('reads more rows than it first has room for', () => {
    const lines = Array.from({ length: 3000 }, (_, row) => `${row},${row % 2}`);
    const dataset = read(['a,y', ...lines].join('\n'));
    expect(dataset.rows).to.equal(3000);
    expect(dataset.features[2999]).to.equal(2999);
    expect(dataset.labels[2999]).to.equal(1);
  });

  it('names file, line, column and value of what is not a number', () => {
    expect(messageOf('a,y\n1,0\n\nn/a,1\n')).to.match(/^site\.csv:4: column "a": "n\/a" is not a decimal number/);
    expect(messageOf('a,y\n1,benign\n')).to.match(/^site\.csv:2: column "y": "benign"/);
  });

  it('keeps count of lines across a quoted value of several', () => {
    expect(messageOf('a,note,y\n1,"two\nlines",0\nx,,1\n', ['a'])).to.match(/^site\.csv:4: column "a": "x"/);
  });

  for (const value of ['', ' ', 'NaN', 'Infinity', '1e39', '0x10', '1_000', '1.2.3', '--1', 'null']) {
    it(`refuses ${JSON.stringify(value)} as a number`, () => {
      expect(messageOf(`a,b,y\n${value},1,0\n`)).to.include(`${JSON.stringify(value)} is not a decimal number`);
    });
  }

  it('cuts a long value in its message', () => {
    expect(messageOf(`a,y\n${'x'.repeat(5000)},0\n`).length).to.be.below(200);
  });

  it('refuses rows of the wrong width, missing or doubled columns, and tables without rows or features', () => {
    expect(messageOf('a,y\n1,0\n1\n')).to.equal('site.csv:3: 1 values; the header line has 2 columns');
    expect(messageOf('a,y\n1,0,5\n')).to.include('3 values');
    expect(messageOf('a,b\n1,0\n')).to.include('no column "y"');
    expect(messageOf('a,y\n1,0\n', ['c'])).to.include('no column "c"');
    expect(messageOf('a,a,y\n1,2,0\n')).to.include('two columns are named "a"');
    expect(messageOf('y\n1\n')).to.include('no feature');
    expect(messageOf('a,y\n')).to.include('no rows');
    expect(messageOf('')).to.include('no rows');
  });

  it('refuses a quote that does not end', () => {
    expect(messageOf('a,y\n"1,0\n')).to.match(/^site\.csv:2: .*quote/i);
  });

  it('refuses more columns than the limit', () => {
    const header = Array.from({ length: CSV_LIMITS.columnsMax + 1 }, (_, column) => `c${column}`).join(',');
    expect(messageOf(`${header}\n`)).to.include(`${CSV_LIMITS.columnsMax + 1} columns`);
  });
});

describe('readCsv', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-csv-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('reads a file', async () => {
    const path = join(folder, 'site.csv');
    await writeFile(path, 'a,y\n1,0\n');
    expect((await readCsv(path, { label: 'y' })).rows).to.equal(1);
  });

  it('says which file cannot be read', async () => {
    const path = join(folder, 'absent.csv');
    const failure = await readCsv(path, { label: 'y' }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Fault).with.property('message').that.includes(path).and.includes('ENOENT');
  });

  it('refuses a file above the limit before it reads it', async () => {
    const path = join(folder, 'huge.csv');
    await writeFile(path, '');
    await truncate(path, CSV_LIMITS.bytesMax + 1);
    const failure = await readCsv(path, { label: 'y' }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Fault).with.property('message').that.includes(`at most ${CSV_LIMITS.bytesMax}`);
  });
});
