import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCsv } from '#client/data/csv.ts';
import { type Dataset, selectRows } from '#client/data/dataset.ts';
import { seededRandom, shuffledIndices } from '#client/trainer/random.ts';
import { assert, Fault } from '#shared/fault/fault.ts';

/** The column of the label in the files that the demo writes: 1 = malignant, 0 = benign. */
export const LABEL_COLUMN = 'label';

/** Seed of the demo's own split. */
export const DEMO_SPLIT_SEED = 2026;

/** The data set as published; see `data/README.md`. */
export const SOURCE_FILE = join(import.meta.dirname, 'data', 'breast_cancer.csv');

/** How many rows of each class a part of the split gets. */
interface Quota {
  readonly id: string;
  readonly name: string;
  readonly malignant: number;
  readonly benign: number;
}

/** The common held-out test set: a fifth, with the whole set's share of malignant rows. */
const TEST_QUOTA = { malignant: 42, benign: 72 } as const;

/**
 * Uneven in size (45, 25, 18 and 12 % of the training rows), and each with a share of malignant rows of its own: a clinic to
 * which suspected cases are sent on, and practices that screen. Alone, each learns its own prevalence along with the disease.
 */
export const HOSPITAL_QUOTAS: readonly Quota[] = [
  { id: 'alder', name: 'Alder University Hospital', malignant: 41, benign: 164 },
  { id: 'birch', name: 'Birch Cancer Centre', malignant: 104, benign: 10 },
  { id: 'cedar', name: 'Cedar Screening Clinic', malignant: 4, benign: 78 },
  { id: 'dogwood', name: 'Dogwood Rural Hospital', malignant: 21, benign: 33 },
];

/** Which rows of the source each part gets. */
export interface SplitIndices {
  /** In the order of {@link HOSPITAL_QUOTAS}. */
  readonly hospitals: readonly Uint32Array[];
  readonly test: Uint32Array;
}

/** One hospital's part. */
export interface Hospital {
  readonly id: string;
  readonly name: string;
  readonly dataset: Dataset;
}

/** The whole split. */
export interface DemoSplit {
  readonly hospitals: readonly Hospital[];
  /** Seen by no hospital before the end. */
  readonly test: Dataset;
}

/** Reads the published file; its class 0 (malignant) becomes label 1. */
export async function readSource(path: string = SOURCE_FILE): Promise<Dataset> {
  const text = await readFile(path, 'utf8');
  const [counts = '', ...lines] = text.split('\n');
  const [rows, featureCount] = counts.split(',').map(Number);
  if (rows === undefined || featureCount === undefined || !(featureCount > 0)) {
    throw new Fault('DATA_INVALID', `${path}:1: expected "rows,features,class,class"`);
  }
  // A header takes the place of the first line, so that line numbers in messages still hold.
  const dataset = parseCsv([headerOf(featureCount), ...lines].join('\n'), path, { label: LABEL_COLUMN });
  if (dataset.rows !== rows)
    throw new Fault('DATA_INVALID', `${path}: ${dataset.rows} rows; its first line says ${rows}`);
  return { ...dataset, labels: dataset.labels.map((label) => 1 - label) };
}

function headerOf(featureCount: number): string {
  const features = Array.from({ length: featureCount }, (_, index) => `feature_${String(index).padStart(2, '0')}`);
  return [...features, LABEL_COLUMN].join(',');
}

/**
 * Deals the rows of each class, in an order drawn from `seed`, first to the test set and then to the hospitals by their quotas.
 * Every row goes to exactly one part.
 * @param labels of the source, 1 = malignant: 212 of 569
 */
export function splitIndices(labels: Float32Array, seed: number): SplitIndices {
  const quotas = [TEST_QUOTA, ...HOSPITAL_QUOTAS];
  const malignant = dealt(
    rowsOf(labels, 1),
    quotas.map((quota) => quota.malignant),
    seededRandom(seed, 1),
  );
  const benign = dealt(
    rowsOf(labels, 0),
    quotas.map((quota) => quota.benign),
    seededRandom(seed, 0),
  );
  const [test, ...hospitals] = quotas.map((_, part) =>
    Uint32Array.from([...(malignant[part] ?? []), ...(benign[part] ?? [])]).toSorted(),
  );
  assert(test !== undefined, 'a split without a test set');
  return { hospitals, test };
}

function rowsOf(labels: Float32Array, label: number): Uint32Array {
  return Uint32Array.from(labels.keys()).filter((row) => labels[row] === label);
}

function dealt(rows: Uint32Array, sizes: readonly number[], random: ReturnType<typeof seededRandom>): Uint32Array[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== rows.length)
    throw new Fault('DATA_INVALID', `the split hands out ${total} rows of a class that has ${rows.length}`);
  const order = shuffledIndices(rows.length, random).map((position) => rows[position] ?? 0);
  let start = 0;
  return sizes.map((size) => {
    const part = order.subarray(start, start + size);
    start += size;
    return part;
  });
}

/** The demo's parts of `source`. */
export function splitForDemo(source: Dataset, seed: number = DEMO_SPLIT_SEED): DemoSplit {
  const { hospitals, test } = splitIndices(source.labels, seed);
  return {
    hospitals: HOSPITAL_QUOTAS.map(({ id, name }, part) => ({
      id,
      name,
      dataset: selectRows(source, hospitals[part] ?? new Uint32Array()),
    })),
    test: selectRows(source, test),
  };
}

/** The files of a split: a CSV file with a header line for each hospital, named by its id, and `test.csv`. */
export interface SplitFiles {
  readonly hospitals: readonly { readonly id: string; readonly name: string; readonly path: string }[];
  readonly test: string;
}

/** Writes a split into `folder`, which is made if it is missing. */
export async function writeSplit({ hospitals, test }: DemoSplit, folder: string): Promise<SplitFiles> {
  await mkdir(folder, { recursive: true });
  const files = {
    hospitals: hospitals.map(({ id, name }) => ({ id, name, path: join(folder, `${id}.csv`) })),
    test: join(folder, 'test.csv'),
  };
  await Promise.all([
    ...hospitals.map(({ id, dataset }) => writeFile(join(folder, `${id}.csv`), csvOf(dataset))),
    writeFile(files.test, csvOf(test)),
  ]);
  return files;
}

/** A data set as CSV text that reads back to the same float32 values. */
export function csvOf({ features, labels, rows, featureCount }: Dataset): string {
  const lines = Array.from({ length: rows }, (_, row) => {
    const values = features.subarray(row * featureCount, (row + 1) * featureCount);
    return [...values, labels[row] ?? 0].map(shortest).join(',');
  });
  return [headerOf(featureCount), ...lines, ''].join('\n');
}

/** The fewest digits that name this float32; nine always do. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits += 1) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}
