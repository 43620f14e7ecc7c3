import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { AttesterPorts } from '#enclave/attester/driver.ts';
import { NSM_RESPONSE_BYTES_MAX, nitroAttester } from '#enclave/attester/nitro.ts';
import { ATTESTER_WAITING_MAX } from '#enclave/attester/one-at-a-time.ts';
import { exchangeFrames } from '#enclave/attester/transport/framed-socket.ts';
import { nodeAttesterPorts } from '#enclave/attester/transport/node-ports.ts';
import { encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { concat, toHex, u32be } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault, InvariantFault } from '#shared/fault/fault.ts';

const REPORT_DATA = new Uint8Array(64).fill(9);
const DOCUMENT = concat(Uint8Array.of(1, 2, 3), REPORT_DATA);
const ANSWER = encodeCbor({ entries: [['Attestation', { entries: [['document', DOCUMENT]] }]] });

describe('nitroAttester', () => {
  let folder: string;
  let socketPath: string;
  let server: Server;
  let requests: Uint8Array[];
  let serve: (socket: Socket, request: Uint8Array) => void;
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    socketPath = join(folder, 'nsm.sock');
    requests = [];
    serve = (socket) => socket.write(framed(ANSWER));
    server = createServer((socket) => {
      sockets.add(socket);
      // The adapter hangs up as soon as it has its answer.
      socket.on('error', () => socket.destroy());
      socket.on('data', (request) => {
        requests.push(new Uint8Array(request));
        serve(socket, request);
      });
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  /** The attester on the test's device, which may be given less time than a real one. */
  const open = (timeoutMs?: number, device = socketPath) => {
    const real = nodeAttesterPorts(nodeCrypto, '');
    const ports: AttesterPorts = {
      ...real,
      exchange: (to, request) => exchangeFrames({ ...to, timeoutMs: timeoutMs ?? to.timeoutMs }, request),
    };
    return nitroAttester.open(ports, { device });
  };
  const attest = async (timeoutMs?: number) => (await open(timeoutMs)).attest(REPORT_DATA);

  it('asks in the words of the NSM API and gives the document as the device wrote it', async () => {
    expect(await attest()).to.deep.equal({ document: DOCUMENT, endorsements: [] });
    const request = encodeCbor({
      entries: [
        [
          'Attestation',
          {
            entries: [
              ['user_data', REPORT_DATA],
              ['nonce', null],
              ['public_key', null],
            ],
          },
        ],
      ],
    });
    expect(requests.map(toHex)).to.deep.equal([toHex(framed(request))]);
  });

  it('reads an answer that comes byte by byte', async () => {
    const bytes = [...framed(ANSWER)];
    const sendNext = (socket: Socket): void => {
      const byte = bytes.shift();
      if (byte === undefined || socket.destroyed) return;
      // A turn of the loop between two bytes lets the adapter read each by itself.
      socket.write(Uint8Array.of(byte), () => setImmediate(sendNext, socket));
    };
    serve = sendNext;
    expect((await attest()).document).to.deep.equal(DOCUMENT);
  });

  it('has one request under way at a time and keeps their order', async () => {
    const held: Socket[] = [];
    serve = (socket) => held.push(socket);
    const attester = await open();
    const [first, second] = [attester.attest(REPORT_DATA), attester.attest(REPORT_DATA)];
    await until(server, () => held.length === 1);
    serve = (socket) => socket.write(framed(ANSWER));
    expect(requests).to.have.length(1);
    held[0]?.write(framed(ANSWER));
    await Promise.all([first, second]);
    expect(requests).to.have.length(2);
  });

  it('goes on after a failure', async () => {
    serve = (socket) => socket.end();
    const attester = await open();
    const failing = faultOf(attester.attest(REPORT_DATA));
    await failing;
    serve = (socket) => socket.write(framed(ANSWER));
    expect((await attester.attest(REPORT_DATA)).document).to.deep.equal(DOCUMENT);
  });

  const answers: readonly (readonly [string, Uint8Array, string])[] = [
    ['an error of the device', framed(encodeCbor({ entries: [['Error', 'InputTooLarge']] })), 'error InputTooLarge'],
    ['an error with a text of its own', framed(encodeCbor({ entries: [['Error', 'x y']] })), 'unknown name'],
    ['an answer of another kind', framed(encodeCbor('DescribeNSM')), 'no document'],
    [
      'an empty document',
      framed(encodeCbor({ entries: [['Attestation', { entries: [['document', new Uint8Array(0)]] }]] })),
      'no document',
    ],
    ['bytes that are no CBOR', framed(Uint8Array.of(0xff)), 'well-formed'],
    ['an empty answer', framed(new Uint8Array(0)), 'answer of 0 bytes'],
    ['an answer above its bound', u32be(NSM_RESPONSE_BYTES_MAX + 1), `answer of ${NSM_RESPONSE_BYTES_MAX + 1} bytes`],
    ['bytes behind the answer', concat(framed(ANSWER), Uint8Array.of(0)), 'after the end'],
  ];
  for (const [what, bytes, message] of answers) {
    it(`fails on ${what}`, async () => {
      serve = (socket) => socket.write(bytes);
      expect((await faultOf(attest())).message).to.include(message);
    });
  }

  it('fails when the device hangs up in the middle of its answer', async () => {
    serve = (socket) => socket.end(framed(ANSWER).slice(0, 6));
    expect((await faultOf(attest())).message).to.include('hung up');
  });

  it('fails when the device stays silent beyond the time allowed', async () => {
    serve = () => undefined;
    expect((await faultOf(attest(5))).message).to.include('within 5 ms');
  });

  it('fails when nobody serves the socket', async () => {
    const attester = await open(undefined, join(folder, 'absent.sock'));
    expect((await faultOf(attester.attest(REPORT_DATA))).message).to.include('cannot talk');
  });

  it('fails a request when too many wait already', async () => {
    serve = () => undefined;
    const attester = await open(5);
    const waiting = Array.from({ length: ATTESTER_WAITING_MAX }, () => faultOf(attester.attest(REPORT_DATA)));
    expect((await faultOf(attester.attest(REPORT_DATA))).message).to.include('wait already');
    await Promise.all(waiting);
  });

  it('takes report data of 64 bytes only', async () => {
    const attester = await open();
    expect(() => attester.attest(new Uint8Array(63))).to.throw(InvariantFault, '63 bytes');
  });
});

function framed(message: Uint8Array): Uint8Array {
  return concat(u32be(message.length), message);
}

/** Resolves when `reached` holds, looked at after each connection that the server takes. */
function until(server: Server, reached: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (reached()) resolve();
      else setImmediate(look);
    };
    server.on('connection', look);
    look();
  });
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Fault)) throw new Error('expected a fault', { cause: outcome });
  expect(outcome.code).to.equal('ATTESTER_FAILED');
  return outcome;
}
