import { type Browser, chromium } from 'playwright-core';
import { programPath } from '#infra/emulator/programs.ts';

/** Nothing that speaks to anybody but the page's own server. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** The system's Chromium, or `undefined` where none is installed. */
export function chromiumPath(): string | undefined {
  return programPath('chromium');
}

/** Starts it without a window, in a profile of its own that is gone afterwards. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, headless: true, args: ARGUMENTS });
}
