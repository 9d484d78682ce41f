import { UnsupportedError } from '../../errors.ts';

/** The error of a wish that the server cannot fulfil; undefined when nobody wished it, or the server can. */
export function missing(
  wished: boolean,
  offered: string | undefined,
  keyword: string,
  what: string,
): UnsupportedError | undefined {
  if (!wished || offered !== undefined) return undefined;
  return new UnsupportedError(`${what}, which the server does not offer (${keyword})`, keyword, {
    stage: 'mail',
    hint: 'leave it out, or use another server; mailtool probe smtp shows what one offers',
  });
}
