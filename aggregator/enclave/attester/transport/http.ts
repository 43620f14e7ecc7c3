import { request as httpRequest, type IncomingMessage } from 'node:http';
import { attesterFailed, failedAt } from '../failure.ts';

/** One HTTP request, and its answer. Rejects with `ATTESTER_FAILED`, also for a status other than 200. */
export type HttpSend = (request: HttpRequest) => Promise<Uint8Array>;

/** What is asked of a service on this machine, or of its provider's metadata service. */
export interface HttpRequest {
  readonly url: string;
  /** Where the service listens, when it is not at the host of `url`. */
  readonly socketPath?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes it a POST; sent as JSON. */
  readonly json?: unknown;
  readonly answerBytesMax: number;
  readonly timeoutMs: number;
}

/** Sends over a connection of its own, without proxies and redirects. */
export async function sendHttp(request: HttpRequest): Promise<Uint8Array> {
  const where = request.socketPath ?? request.url;
  const signal = AbortSignal.timeout(request.timeoutMs);
  try {
    return await exchange(request, signal);
  } catch (cause) {
    if (signal.aborted) throw attesterFailed(`no answer from ${where} within ${request.timeoutMs} ms`, cause);
    throw failedAt(`a request to ${where}`, cause);
  }
}

function exchange(request: HttpRequest, signal: AbortSignal): Promise<Uint8Array> {
  const { url, socketPath, headers, json, answerBytesMax } = request;
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, {
      agent: false,
      method: json === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
      signal,
      ...(socketPath === undefined ? {} : { socketPath }),
    });
    const refuse = (status: number | undefined) =>
      reject(attesterFailed(`${socketPath ?? url} answered with status ${status}`));
    sent.on('error', reject);
    // Without a listener Node closes the connection and says nothing, and not even the signal ends the wait.
    sent.on('upgrade', ({ statusCode }, socket) => {
      socket.destroy();
      refuse(statusCode);
    });
    sent.on('response', (response) => {
      bodyOf(response, answerBytesMax).then((body) => {
        if (response.statusCode === 200) resolve(body);
        else refuse(response.statusCode);
      }, reject);
    });
    sent.end(json === undefined ? undefined : JSON.stringify(json));
  });
}

async function bodyOf(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response) {
    length += part.length;
    if (length > bytesMax) throw attesterFailed(`an answer of more than ${bytesMax} bytes`);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
