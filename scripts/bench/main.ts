import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import type { Bench } from './bench.ts';
import { machineLine, type ReportedFigure, reported, rowOf, TABLE_HEAD } from './report.ts';
import { BENCHES } from './table.ts';

const HELP = `usage: npm run bench -- [--only NAME] [--json FILE] [--list] [--help]

Measures this program against baselines of the same run and prints the ratios.

  --only NAME   one bench; may be given several times
  --json FILE   also writes a list of {name, value, unit, baseline, ratio}
  --list        the names, one a line, with what each measures
  --help        this text

Ratios of names that end in -vs-numpy or -vs-aes are throughput ÷ throughput (higher is better), all others time ÷ time
or MiB ÷ MiB (lower is better). The exit code is 0 when every bench ran or said why it could not, 1 when one failed,
2 when an option is wrong.`;

interface Options {
  readonly benches: readonly Bench[];
  readonly json: string | undefined;
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args);
  if (typeof options === 'number') return options;
  const backend = await loadTensors();
  const why = backend.nativeDeclined === undefined ? '' : ` (${backend.nativeDeclined})`;
  console.log(`machine: ${machineLine()}\ntensors: ${backend.name}${why}\n\n${TABLE_HEAD}`);
  const figures: ReportedFigure[] = [];
  let failed = false;
  for (const bench of options.benches) {
    try {
      const outcome = await bench.run();
      console.log(rowOf(bench, outcome));
      figures.push(...reported(bench, outcome));
    } catch (error) {
      // One bench that breaks must not hide the figures of the others; it still fails the run.
      failed = true;
      console.error(`${bench.name} failed:`, error);
    }
  }
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  return failed ? 1 : 0;
}

/** The options, or the exit code when there is nothing to measure. */
function optionsOf(args: readonly string[]): Options | number {
  const parsed = parsedOf(args);
  if (parsed === undefined) return 2;
  if (parsed.help === true) {
    console.log(HELP);
    return 0;
  }
  if (parsed.list === true) {
    for (const { name, about } of BENCHES) console.log(`${name.padEnd(24)} ${about}`);
    return 0;
  }
  const names = parsed.only ?? BENCHES.map(({ name }) => name);
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    console.error(
      `no bench is called ${unknown.join(', ')}; choose from: ${BENCHES.map(({ name }) => name).join(', ')}`,
    );
    return 2;
  }
  return { benches: BENCHES.filter(({ name }) => names.includes(name)), json: parsed.json };
}

function parsedOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true },
        json: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return undefined;
  }
}
