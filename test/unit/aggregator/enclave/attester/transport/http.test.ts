import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { sendHttp } from '#enclave/attester/transport/http.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { attesterFailure } from '#test/fakes/tee/emulated-devices.ts';

const LIMITS = { answerBytesMax: 100, timeoutMs: 20_000 };

describe('an HTTP request', () => {
  let folder: string;
  let socketPath: string;
  let server: Server;
  let serve: RequestListener;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    socketPath = join(folder, 'service.sock');
    server = createServer((request, response) => serve(request, response));
    server.listen(socketPath);
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const get = (answerBytesMax = 100, timeoutMs = 20_000) =>
    sendHttp({ url: 'http://localhost/v1', socketPath, answerBytesMax, timeoutMs });

  it('goes to a socket, and gives the body', async () => {
    serve = ({ method, url, headers }, response) => response.end(`${method} ${url} ${headers.host}`);
    expect(await get()).to.deep.equal(utf8('GET /v1 localhost'));
  });

  it('posts JSON, with headers', async () => {
    serve = ({ method, headers }, response) => {
      response.write(`${method} ${headers['content-type']} ${headers['metadata']}`);
      response.end();
    };
    const request = { url: 'http://localhost/', socketPath, headers: { Metadata: 'true' }, ...LIMITS };
    expect(await sendHttp({ ...request, json: {} })).to.deep.equal(utf8('POST application/json true'));
  });

  it('goes to an address', async () => {
    serve = (_request, response) => response.end('here');
    const other = createServer((request, response) => serve(request, response)).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const url = `http://127.0.0.1:${port}/`;
    expect(await sendHttp({ url, ...LIMITS })).to.deep.equal(utf8('here'));
    serve = (_request, response) => response.writeHead(404).end();
    expect(await attesterFailure(sendHttp({ url, ...LIMITS }))).to.equal(
      `no evidence: ${url} answered with status 404`,
    );
    other.close();
  });

  it('fails on a status other than 200, redirects among them', async () => {
    for (const status of [201, 302, 404, 500]) {
      serve = (_request, response) => response.writeHead(status, { location: 'http://localhost/' }).end();
      expect(await attesterFailure(get())).to.include(`answered with status ${status}`);
    }
  });

  it('fails when the service would speak another protocol, and does not wait for it', async () => {
    server.on('connection', (socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
    });
    expect(await attesterFailure(get())).to.include('answered with status 101');
  });

  it('fails on an answer above its bound, stated or not', async () => {
    serve = (_request, response) => response.end('x'.repeat(101));
    expect(await attesterFailure(get())).to.include('more than 100 bytes');
    serve = (_request, response) => {
      response.write('x'.repeat(60));
      setImmediate(() => response.end('x'.repeat(60)));
    };
    expect(await attesterFailure(get())).to.include('more than 100 bytes');
    serve = (_request, response) => response.end('x'.repeat(100));
    expect(await get()).to.have.length(100);
  });

  it('fails on an address that is none, or of another protocol', async () => {
    for (const [url, code] of [
      ['169.254.169.254/metadata', 'ERR_INVALID_URL'],
      ['https://localhost/', 'ERR_INVALID_PROTOCOL'],
    ] as const) {
      expect(await attesterFailure(sendHttp({ url, ...LIMITS }))).to.equal(
        `no evidence: a request to ${url} failed with ${code}`,
      );
    }
  });

  it('fails when the service stays silent, before its answer or within it', async () => {
    serve = () => undefined;
    expect(await attesterFailure(get(100, 5))).to.include(`no answer from ${socketPath} within 5 ms`);
    serve = (_request, response) => response.write('x');
    expect(await attesterFailure(get(100, 5))).to.include('within 5 ms');
  });

  it('fails when the service hangs up in the middle, or is not there', async () => {
    serve = (_request, response) => {
      response.writeHead(200, { 'content-length': '50' });
      response.write('x');
      setImmediate(() => response.destroy());
    };
    expect(await attesterFailure(get())).to.include('ECONNRESET');
    const nobody = { url: 'http://localhost/', socketPath: join(folder, 'none.sock'), ...LIMITS };
    expect(await attesterFailure(sendHttp(nobody))).to.include('none.sock failed with ENOENT');
  });
});
