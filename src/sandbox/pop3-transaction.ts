/** The TRANSACTION state of one POP3 session (RFC 1939 5 and 7): the locked maildrop, and what is marked as deleted. */
import type { SandboxEvent } from './events.ts';
import type { SandboxMessage, Snapshot } from './maildrop.ts';
import { HangUp, type Pop3Channel } from './pop3-channel.ts';
import { block } from './wire.ts';

const NO_MESSAGE = '-ERR no such message';
const NOTHING = Buffer.alloc(0);

export class Pop3Transaction {
  readonly #snapshot: Snapshot;
  readonly #channel: Pop3Channel;
  readonly #onEvent: (event: SandboxEvent) => void;
  readonly #deleted = new Set<SandboxMessage>();

  constructor(snapshot: Snapshot, channel: Pop3Channel, onEvent: (event: SandboxEvent) => void) {
    this.#snapshot = snapshot;
    this.#channel = channel;
    this.#onEvent = onEvent;
  }

  /** The reply to a login, and to RSET. */
  async welcome(): Promise<void> {
    const { count, octets } = this.#totals();
    await this.#channel.reply(`+OK maildrop has ${count} messages (${octets} octets)`);
  }

  async stat(): Promise<void> {
    const { count, octets } = this.#totals();
    await this.#channel.reply(`+OK ${count} ${octets}`);
  }

  list(number: string | undefined): Promise<void> {
    return this.#listing(number, (message) => String(message.size));
  }

  uidl(number: string | undefined): Promise<void> {
    return this.#listing(number, (message) => message.uniqueId);
  }

  async retr(number: string): Promise<void> {
    const message = this.#message(number);
    if (message === undefined) return await this.#channel.reply(NO_MESSAGE);
    await this.#block(`+OK ${message.size} octets`, message);
    this.#onEvent({ type: 'retrieved', uniqueId: message.uniqueId });
  }

  async top(number: string, bodyLines: number): Promise<void> {
    const message = this.#message(number);
    if (message === undefined) return await this.#channel.reply(NO_MESSAGE);
    await this.#block('+OK top of message follows', message, bodyLines);
  }

  async dele(number: string): Promise<void> {
    const message = this.#message(number);
    if (message === undefined) return await this.#channel.reply(NO_MESSAGE);
    this.#deleted.add(message);
    await this.#channel.reply(`+OK message ${number} deleted`);
  }

  async rset(): Promise<void> {
    this.#deleted.clear();
    await this.welcome();
  }

  /** The UPDATE state: only now are messages removed. The lock is let go before the reply, so that the next login works. */
  async update(): Promise<void> {
    const deleted = [...this.#deleted];
    const ok = await this.#snapshot.remove(deleted);
    this.release();
    if (ok && deleted.length > 0) {
      this.#onEvent({ type: 'deleted', uniqueIds: deleted.map((message) => message.uniqueId) });
    }
    await this.#channel.reply(ok ? '+OK bye' : '-ERR [SYS/TEMP] some deleted messages not removed');
  }

  /** Lets the maildrop go, with nothing removed. */
  release(): void {
    this.#snapshot.release();
  }

  async #listing(number: string | undefined, value: (message: SandboxMessage) => string): Promise<void> {
    if (number !== undefined) {
      const message = this.#message(number);
      return await this.#channel.reply(
        message === undefined ? NO_MESSAGE : `+OK ${number} ${value(message)}`,
      );
    }
    const lines: string[] = [];
    for (const [index, message] of this.#snapshot.messages.entries()) {
      if (!this.#deleted.has(message)) lines.push(`${index + 1} ${value(message)}`);
    }
    await this.#channel.lines(`+OK ${lines.length} messages`, lines);
  }

  async #block(status: string, message: SandboxMessage, bodyLines?: number): Promise<void> {
    // The status line goes out with the first piece: a message whose file is gone is still refused in time.
    let head = Buffer.from(`${status}\r\n`, 'latin1');
    const whole = head.length + message.size;
    let started = false;
    try {
      for await (const piece of block(message.stream(), bodyLines)) {
        await this.#channel.send(started ? piece : Buffer.concat([head, piece]), whole);
        started = true;
        head = NOTHING;
      }
    } catch (error) {
      if (started || error instanceof HangUp) throw error;
      await this.#channel.reply('-ERR [SYS/TEMP] cannot read this message');
    }
  }

  #message(number: string): SandboxMessage | undefined {
    if (!/^[1-9]\d{0,8}$/.test(number)) return undefined;
    const message = this.#snapshot.messages[Number(number) - 1];
    return message === undefined || this.#deleted.has(message) ? undefined : message;
  }

  #totals(): { count: number; octets: number } {
    const present = this.#snapshot.messages.filter((message) => !this.#deleted.has(message));
    return { count: present.length, octets: present.reduce((sum, message) => sum + message.size, 0) };
  }
}
