/** Host, port, TLS and user of a server: said one by one, or together in a URL or `host:port`. */
import { ConfigError } from '../errors.ts';
import type { Layer, Settings } from './layers.ts';
import type { Protocol } from './settings.ts';
import type { LayerName, Stated } from './stated.ts';
import { parseHost, parsePort, parseServerUrl } from './values.ts';

/** TLS from the first octet, by STARTTLS or STLS, or not at all. */
export type Security = 'implicit' | 'starttls' | 'none';

/** A value, and the setting that said it. */
export interface Said<T> {
  readonly value: T;
  readonly stated: Stated;
}

/** What the layers say of a server. What is absent has to follow from the rest. */
export interface SaidEndpoint {
  readonly host?: Said<string>;
  readonly port?: Said<number>;
  readonly tls?: Said<Security>;
  readonly user?: Said<string>;
}

/**
 * The highest layer wins for each part. A URL is one thing: what it leaves open of port and TLS is not filled in from a
 * lower layer; nor is what a variable's host leaves open from an account that names a host of its own. ConfigError when one layer says a part twice.
 */
export function saidEndpoint(settings: Settings, protocol: Protocol): SaidEndpoint {
  let all: SaidEndpoint = {};
  for (const layer of settings.layers) {
    const said = saidIn(layer, protocol);
    const other = VARIABLES.has(all.host?.stated.layer) && isConfig(layer) && said.host !== undefined;
    if (all.host?.stated.setting.kind === 'url' || other) {
      if (said.user !== undefined) all = { user: said.user, ...all };
    } else {
      all = { ...said, ...all };
    }
  }
  return all;
}

const VARIABLES: ReadonlySet<LayerName | undefined> = new Set(['environment', 'env-file', 'dotenv']);

const isConfig = ({ name }: Layer): boolean => name.endsWith('-config');

function saidIn(layer: Layer, protocol: Protocol): SaidEndpoint {
  let said: SaidEndpoint = {};
  const add = (more: SaidEndpoint) => {
    for (const part of ['host', 'port', 'tls', 'user'] as const) {
      const [first, second] = [said[part]?.stated, more[part]?.stated];
      if (first !== undefined && second !== undefined) throw contradiction(part, first, second);
    }
    said = { ...said, ...more };
  };

  const url = layer.get(`${protocol}.url`);
  if (url !== undefined) {
    const { host, port, tls, user } = url.read((text) => parseServerUrl(protocol, text));
    add({
      host: { value: host, stated: url },
      ...(port === undefined ? {} : { port: { value: port, stated: url } }),
      ...(tls === undefined ? {} : { tls: { value: tls, stated: url } }),
      ...(user === undefined ? {} : { user: { value: user, stated: url } }),
    });
  }
  const name = layer.get(`${protocol}.host`);
  if (name !== undefined) {
    const { host, port } = name.read(parseHost);
    add({
      host: { value: host, stated: name },
      ...(port === undefined ? {} : { port: { value: port, stated: name } }),
    });
  }
  const port = layer.get(`${protocol}.port`);
  if (port !== undefined) add({ port: { value: port.read(parsePort), stated: port } });
  const tls = layer.get(`${protocol}.tls`);
  if (tls !== undefined) {
    tls.check();
    add({ tls: { value: tls.text as Security, stated: tls } });
  }
  const user = layer.get(`${protocol}.user`);
  if (user !== undefined) add({ user: { value: user.text, stated: user } });
  return said;
}

function contradiction(part: string, first: Stated, second: Stated): ConfigError {
  return new ConfigError(
    `the ${part === 'tls' ? 'TLS mode' : part} is said twice: ${first.place} and ${second.place}`,
    { stage: 'config', hint: 'leave one of them out' },
  );
}
