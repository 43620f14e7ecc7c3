import { open } from 'node:fs/promises';
import Papa from 'papaparse';
import { Fault } from '#shared/fault/fault.ts';
import type { Dataset } from './dataset.ts';

/** Bounds on what is read, so that a wrong file name fails early instead of filling the memory. */
export const CSV_LIMITS = { bytesMax: 256 * 2 ** 20, columnsMax: 4096, rowsMax: 4_000_000 } as const;

/** How a table becomes a data set. */
export interface CsvOptions {
  /** The column that holds the label. */
  readonly label: string;
  /** The columns that hold the features, in the order of the model's inputs. Without it: all but the label, as in the file. */
  readonly features?: readonly string[];
}

/** A decimal number, as every spreadsheet writes it: no hexadecimal, no "Infinity", no thousands separator. */
const DECIMAL = /^[ \t]*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[ \t]*$/;

/** Longer values are cut in messages. */
const SHOWN_CHARACTERS = 40;

function invalid(file: string, line: number, message: string): Fault {
  return new Fault('DATA_INVALID', `${file}:${line}: ${message}`);
}

function quote(value: string): string {
  return JSON.stringify(value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value);
}

/**
 * Reads a CSV file with one header line, numbers in every column used, and a label column.
 * @throws Fault `DATA_INVALID` where the file cannot be read, is larger than {@link CSV_LIMITS} allows or does not parse
 */
export async function readCsv(path: string, options: CsvOptions): Promise<Dataset> {
  return parseCsv(await readBounded(path), path, options);
}

async function readBounded(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > CSV_LIMITS.bytesMax)
        throw new Fault(
          'DATA_INVALID',
          `${path} has ${size} bytes; at most ${CSV_LIMITS.bytesMax} are read. Split the file`,
        );
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault(
      'DATA_INVALID',
      `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/**
 * A CSV text as a data set; see {@link readCsv}. Empty lines are skipped.
 * @param file the name to show in messages
 */
export function parseCsv(text: string, file: string, options: CsvOptions): Dataset {
  const table = new TableBuilder(file, options);
  // With a step function a row is handed over as it is found: the text is never held as arrays of strings.
  Papa.parse<string[]>(text, {
    delimiter: ',',
    step: ({ data, errors: [error] }) => {
      if (error !== undefined) throw invalid(file, table.line, error.message);
      table.add(data);
    },
  });
  return table.finish();
}

/** Takes the rows of one file in turn. */
class TableBuilder {
  /** The line that the next row stands on, from 1. */
  line = 1;
  readonly #file: string;
  readonly #options: CsvOptions;
  /** Empty until the header was read. */
  #header: readonly string[] = [];
  #featureColumns: readonly number[] = [];
  #labelColumn = 0;
  #rows = 0;
  #features = new Float32Array(1024);
  #labels = new Float32Array(64);

  constructor(file: string, options: CsvOptions) {
    this.#file = file;
    this.#options = options;
  }

  add(fields: readonly string[]): void {
    const empty = fields.length === 1 && fields[0]?.trim() === '';
    if (!empty) {
      if (this.#header.length === 0) this.#readHeader(fields);
      else this.#readRow(fields);
    }
    // A quoted value may run over several lines.
    this.line += 1 + fields.reduce((breaks, field) => breaks + (field.split('\n').length - 1), 0);
  }

  finish(): Dataset {
    if (this.#rows === 0)
      throw invalid(this.#file, this.line, 'no rows; expected a header line and at least one row of numbers');
    const featureCount = this.#featureColumns.length;
    return {
      features: this.#features.slice(0, this.#rows * featureCount),
      labels: this.#labels.slice(0, this.#rows),
      rows: this.#rows,
      featureCount,
    };
  }

  #readHeader(fields: readonly string[]): void {
    const header = fields.map((name) => name.trim());
    if (header.length > CSV_LIMITS.columnsMax)
      throw invalid(this.#file, this.line, `${header.length} columns; at most ${CSV_LIMITS.columnsMax} are read`);
    const doubled = header.find((name, index) => header.indexOf(name) !== index);
    if (doubled !== undefined)
      throw invalid(this.#file, this.line, `two columns are named ${quote(doubled)}; each needs its own name`);
    this.#header = header;
    this.#labelColumn = this.#columnOf(this.#options.label);
    const features = this.#options.features ?? header.filter((name) => name !== this.#options.label);
    this.#featureColumns = features.map((name) => this.#columnOf(name));
    if (features.length === 0)
      throw invalid(this.#file, this.line, `no feature beside the label ${quote(this.#options.label)}`);
  }

  #columnOf(name: string): number {
    const column = this.#header.indexOf(name);
    if (column < 0)
      throw invalid(
        this.#file,
        this.line,
        `no column ${quote(name)}; the header line begins with ${quote(this.#header.join(','))}`,
      );
    return column;
  }

  #readRow(fields: readonly string[]): void {
    if (fields.length !== this.#header.length)
      throw invalid(
        this.#file,
        this.line,
        `${fields.length} values; the header line has ${this.#header.length} columns`,
      );
    if (this.#rows === CSV_LIMITS.rowsMax)
      throw invalid(this.#file, this.line, `more than ${CSV_LIMITS.rowsMax} rows; split the file`);
    const start = this.#rows * this.#featureColumns.length;
    this.#features = grown(this.#features, start + this.#featureColumns.length);
    this.#labels = grown(this.#labels, this.#rows + 1);
    this.#featureColumns.forEach((column, index) => {
      this.#features[start + index] = this.#number(fields, column);
    });
    this.#labels[this.#rows] = this.#number(fields, this.#labelColumn);
    this.#rows += 1;
  }

  #number(fields: readonly string[], column: number): number {
    const text = fields[column] ?? '';
    // The largest float32 is 3.4e38: beyond it a finite text becomes an infinity, which no model may see.
    const value = DECIMAL.test(text) ? Math.fround(Number(text)) : Number.NaN;
    if (!Number.isFinite(value))
      throw invalid(
        this.#file,
        this.line,
        `column ${quote(this.#header[column] ?? '')}: ${quote(text)} is not a decimal number that fits float32`,
      );
    return value;
  }
}

/** `values` itself if it holds `length` numbers, else a copy of at least twice its size. */
function grown(values: Float32Array<ArrayBuffer>, length: number): Float32Array<ArrayBuffer> {
  if (values.length >= length) return values;
  const larger = new Float32Array(Math.max(length, 2 * values.length));
  larger.set(values);
  return larger;
}
