import { expect } from 'chai';
import { readHostOptions } from '#host/options.ts';
import { Fault } from '#shared/fault/fault.ts';

const NEEDED = ['--enclave-socket', '/run/e', '--boundary-socket', 'localhost:9'];

describe('host options', () => {
  it('are taken from flags before the environment', () => {
    const environment = {
      CLOISTER_ENDORSEMENTS: '/e',
      CLOISTER_DATA: 'a',
      CLOISTER_LISTEN: '[::1]:80',
      REDIS_URL: 'redis://r',
    };
    const options = readHostOptions([...NEEDED, '--data', 'b'], environment);
    expect(options).to.deep.include({
      dataFolder: 'b',
      listen: { kind: 'tcp', host: '::1', port: 80 },
      enclave: { kind: 'unix', path: '/run/e' },
      boundary: { kind: 'tcp', host: 'localhost', port: 9 },
      queueUrl: 'redis://r',
      endorsements: '/e',
      keepReleases: 8,
    });
  });

  it('ask for help', () => {
    expect(readHostOptions(['--help'], {})).to.equal(undefined);
  });

  it('pair weights with studies by their place', () => {
    const flags = ['--study', 'a', '--study', 'b', '--weights', '-', '--weights', 'w'];
    expect(readHostOptions([...NEEDED, ...flags], {})?.weights).to.deep.equal([undefined, 'w']);
  });

  for (const [what, flags] of [
    ['an unknown flag', [...NEEDED, '--what']],
    ['no enclave socket', ['--boundary-socket', '/b']],
    ['an address without a port', [...NEEDED, '--listen', 'localhost']],
    ['a port that is too high', [...NEEDED, '--listen', 'localhost:65536']],
    ['more weights than studies', [...NEEDED, '--weights', 'w']],
    ['no release to keep', [...NEEDED, '--keep-releases', '0']],
    ['an unknown level', [...NEEDED, '--log-level', 'loud']],
    ['a queue of an unknown kind', [...NEEDED, '--queue', 'amqp://secret@x']],
  ] as const) {
    it(`refuse ${what}, and do not repeat a secret`, () => {
      expect(() => readHostOptions(flags, {}))
        .to.throw(Fault)
        .that.satisfies((fault: Fault) => fault.code === 'CONFIG_INVALID' && !fault.message.includes('secret'));
    });
  }
});
