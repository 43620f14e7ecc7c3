import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Log } from '#host/log.ts';
import { findRedisServer, type RedisProcess, startRedis } from '#host/redis-process.ts';

/** A log that says nothing. */
export const SILENT: Log = pino({ level: 'silent' });

/** A fresh folder and the way to remove it. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'cloister-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Starts a real Redis in `folder`. Where none is installed the suite is skipped, but never in CI. */
export async function realRedis(context: Mocha.Context, folder: string): Promise<RedisProcess> {
  const program = findRedisServer(process.env['PATH'] ?? '');
  if (program !== undefined) return startRedis(program, folder);
  if (process.env['CI'] === 'true') throw new Error('no redis-server here: in CI this suite may not be skipped');
  return context.skip();
}
