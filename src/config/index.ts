export { type Account, type AccountOptions, isLoopback, serverAccount } from './account.ts';
export { SEVERAL } from './account-choice.ts';
export type { CommandTable, ConfigValue } from './config-account.ts';
export type { ConfigPath } from './config-file.ts';
export { ConfigFiles, type NamedConfig } from './config-files.ts';
export { type DescribedSetting, describeSettings } from './describe.ts';
export { parseSelectors } from './dkim.ts';
export { type Security, saidEndpoint } from './endpoint.ts';
export { type EnvFile, type EnvFileChoice, readEnvFiles } from './env-files.ts';
export { type Layer, loadSettings, Settings, type Sources } from './layers.ts';
export { nearest } from './nearest.ts';
export { type NamedFile, readPem } from './pem-file.ts';
export { type ProxyScheme, ProxySetting } from './proxy.ts';
export type { Reach } from './reach.ts';
export { readSecret, type SecretIo, SecretSource } from './secret.ts';
export {
  flagName,
  type Protocol,
  SETTING_GROUPS,
  SETTINGS,
  type SecretNoun,
  type Setting,
  type SettingGroup,
  type SettingKey,
  type SettingKind,
  settingOf,
  VARIABLE_PREFIX,
  waysToSet,
} from './settings.ts';
export { type LayerName, Stated, TRUST } from './stated.ts';
export { readTlsFiles, type TlsFiles, type TlsMaterial, type TlsVersion } from './tls-files.ts';
export { BadValue, parseDuration, parseHost, parsePort } from './values.ts';
