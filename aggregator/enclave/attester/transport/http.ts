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
export function sendHttp(request: HttpRequest): Promise<Uint8Array> {
  const { url, socketPath, headers, json, answerBytesMax, timeoutMs } = request;
  const [where, signal] = [socketPath ?? url, AbortSignal.timeout(timeoutMs)];
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, {
      agent: false,
      method: json === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
      signal,
      ...(socketPath === undefined ? {} : { socketPath }),
    });
    const fail = (cause: unknown) => {
      const late = attesterFailed(`no answer from ${where} within ${timeoutMs} ms`, cause);
      reject(signal.aborted ? late : failedAt(`a request to ${where}`, cause));
    };
    const failFor = (status: number | undefined) => fail(attesterFailed(`${where} answered with status ${status}`));
    sent.on('error', fail);
    // Without a listener Node closes the connection and says nothing, and not even the signal ends the wait.
    sent.on('upgrade', ({ statusCode }, socket) => {
      socket.destroy();
      failFor(statusCode);
    });
    sent.on('response', (response) => {
      bodyOf(response, answerBytesMax).then((body) => {
        if (response.statusCode === 200) resolve(body);
        else failFor(response.statusCode);
      }, fail);
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
