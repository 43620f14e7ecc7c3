import type { Command } from 'commander';
import type { CliRuntime } from '../runtime.ts';
import { passOn } from './operator.ts';

/** `cloister demo`: a whole study on this machine. */
export function mountDemo(program: Command, runtime: CliRuntime): void {
  passOn(program, runtime, {
    name: 'demo',
    script: 'scripts/demo.ts',
    description: 'run a whole study on this machine: four hospitals, one enclave, real training',
  });
}
