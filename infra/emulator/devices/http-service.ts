import { createServer, type IncomingMessage, type Server } from 'node:http';

/** A request to a service of an emulated platform. */
export interface ServiceRequest {
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What the service answers. */
export interface ServiceAnswer {
  readonly status: number;
  readonly body: string;
}

const BODY_CHARACTERS_MAX = 64 * 1024;

/** An HTTP server, not listening yet, that answers by `answer`; a request on which that breaks gets status 500. */
export function httpService(answer: (request: ServiceRequest) => Promise<ServiceAnswer>): Server {
  return createServer((incoming, response) => {
    bodyOf(incoming)
      .then((body) =>
        answer({ method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body }),
      )
      .catch((): ServiceAnswer => ({ status: 500, body: 'the emulated service failed' }))
      .then(({ status, body }) => response.writeHead(status).end(body));
  });
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of incoming.setEncoding('utf8')) {
    body += String(chunk);
    if (body.length > BODY_CHARACTERS_MAX) throw new Error('a body that no platform takes');
  }
  return body;
}

/** The object that a JSON body holds; `undefined` for anything else. */
export function jsonObject(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    // Which byte is wrong is nothing that the platform would tell either.
    return undefined;
  }
}
