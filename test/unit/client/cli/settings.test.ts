import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { environmentName, readConfigFile, SETTINGS, type SettingSources, Settings } from '#client/cli/settings.ts';
import { Fault } from '#shared/fault/fault.ts';

function settings(sources: Partial<SettingSources>): Settings {
  return new Settings({ flags: {}, environment: {}, file: { name: 'cloister.yaml', values: {} }, ...sources });
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Fault) return `${error.code} ${error.message}`;
  }
  return 'no fault';
}

describe('settings', () => {
  const flags = { key: 'from-flag' };
  const environment = { CLOISTER_KEY: 'from-environment' };
  const file = { name: 'cloister.yaml', values: { key: 'from-file' } };

  it('take a flag before the environment, and the environment before the file', () => {
    expect(settings({ flags, environment, file }).get(SETTINGS.key)).to.equal('from-flag');
    expect(settings({ environment, file }).get(SETTINGS.key)).to.equal('from-environment');
    expect(settings({ file }).get(SETTINGS.key)).to.equal('from-file');
    expect(settings({}).get(SETTINGS.key)).to.equal(undefined);
  });

  it('count an empty variable as not given', () => {
    expect(settings({ environment: { CLOISTER_KEY: '' }, file }).get(SETTINGS.key)).to.equal('from-file');
  });

  it('say in which of the three places a bad value stands', () => {
    const bad = {
      flags: { host: 'a' },
      environment: { CLOISTER_HOST: 'b' },
      file: { name: 'my.yaml', values: { host: 'c' } },
    };
    const expected = 'expected an http or https URL such as http://127.0.0.1:8470';
    expect(messageOf(() => settings({ flags: bad.flags }).get(SETTINGS.host))).to.equal(
      `CONFIG_INVALID --host: found a, ${expected}`,
    );
    expect(messageOf(() => settings({ environment: bad.environment }).get(SETTINGS.host))).to.equal(
      `CONFIG_INVALID the environment variable CLOISTER_HOST: found b, ${expected}`,
    );
    expect(messageOf(() => settings({ file: bad.file }).get(SETTINGS.host))).to.equal(
      `CONFIG_INVALID host in my.yaml: found c, ${expected}`,
    );
  });

  it('say where to give one that is needed and missing', () => {
    expect(messageOf(() => settings({}).need(SETTINGS.waitSeconds))).to.match(
      /--wait-seconds is needed \(or CLOISTER_WAIT_SECONDS or waitSeconds in cloister\.yaml\)/,
    );
  });

  it('refuse values that are nearly right', () => {
    for (const waitSeconds of ['-1', '3601', '1.5', '1e2', ' 5', true]) {
      expect(
        messageOf(() => settings({ flags: { waitSeconds } }).get(SETTINGS.waitSeconds)),
        String(waitSeconds),
      ).to.match(/^CONFIG/);
    }
    expect(messageOf(() => settings({ flags: { host: 'file:///etc/passwd' } }).get(SETTINGS.host))).to.match(/^CONFIG/);
    expect(messageOf(() => settings({ environment: { CLOISTER_JSON: 'yes' } }).get(SETTINGS.json))).to.match(/^CONFIG/);
  });

  it('read lists from flags, files and comma-separated variables', () => {
    expect(settings({ flags: { policy: ['a', 'b'] } }).get(SETTINGS.policy)).to.deep.equal(['a', 'b']);
    expect(settings({ environment: { CLOISTER_POLICY: 'a,b' } }).get(SETTINGS.policy)).to.deep.equal(['a', 'b']);
  });

  it('have variable names of one form', () => {
    expect(environmentName(SETTINGS.logLevel)).to.equal('CLOISTER_LOG_LEVEL');
  });
});

describe('configuration file', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-settings-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const refused = {
    'an unknown setting': ['hosts: http://a', /unknown setting hosts, expected one of host, study/],
    'a list': ['- host', /expected a map of settings/],
    'broken YAML': ['host: [', /is not valid YAML/],
    'an alias': ['host: &x a\nkey: *x', /is not valid YAML/],
  } as const;
  for (const [what, [text, message]] of Object.entries(refused)) {
    it(`is refused with ${what}`, async () => {
      const name = join(folder, 'bad.yaml');
      await writeFile(name, text);
      const fault: unknown = await readConfigFile(name).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(fault).to.be.instanceOf(Fault).with.property('message').that.matches(message);
    });
  }

  it('has to exist when it is named', async () => {
    const fault: unknown = await readConfigFile(join(folder, 'none.yaml')).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(fault).to.be.instanceOf(Fault).with.property('code', 'CONFIG_INVALID');
  });

  it('may be empty', async () => {
    const name = join(folder, 'empty.yaml');
    await writeFile(name, '# nothing yet\n');
    expect((await readConfigFile(name)).values).to.deep.equal({});
  });
});
