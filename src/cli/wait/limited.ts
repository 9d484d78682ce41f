import vm from 'node:vm';

/** An expression that somebody typed met a text that somebody else wrote, and did not come to an end. */
export class TookTooLong extends Error {}

const room: { work: (() => void) | undefined } = { work: undefined };
let call: ((timeout: number) => void) | undefined;

/**
 * The result of `work`, which is broken off after so many milliseconds (`TookTooLong`), also in the midst of a regular
 * expression: nothing else could end one, for no timer fires while it runs.
 */
export function limited<T>(ms: number, work: () => T): T {
  call ??= prepare();
  let result: { readonly value: T } | undefined;
  room.work = () => {
    result = { value: work() };
  };
  try {
    call(Math.max(1, Math.ceil(ms)));
  } catch (cause) {
    // It is no Error of ours, but one of the context's own.
    const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
    if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw new TookTooLong('it took too long', { cause });
    throw cause;
  } finally {
    room.work = undefined;
  }
  if (result === undefined) throw new TypeError('the work was not done');
  return result.value;
}

function prepare(): (timeout: number) => void {
  const context = vm.createContext(room);
  const script = new vm.Script('work()');
  return (timeout) => {
    script.runInContext(context, { timeout });
  };
}
