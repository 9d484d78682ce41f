/** A client that knows only octets: what the servers are tested with shares no code with them, or with mailtool's own clients. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export class RawClient {
  #socket: Socket;
  #received = '';
  #closed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#attach();
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawClient(socket);
  }

  static async openTls(port: number, ca: string): Promise<RawClient> {
    const socket = connectTls({ host: '127.0.0.1', port, ca });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return new RawClient(socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** TLS on what is open. */
  async upgrade(ca: string): Promise<void> {
    this.#socket.removeAllListeners();
    const socket = connectTls({ socket: this.#socket, ca, host: '127.0.0.1' });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    this.#socket = socket;
    this.#attach();
  }

  send(text: string): void {
    this.#socket.write(Buffer.from(text, 'latin1'));
  }

  /** Octet by octet, each in a write of its own. */
  async drip(text: string): Promise<void> {
    this.#socket.setNoDelay(true);
    for (const octet of Buffer.from(text, 'latin1')) {
      await new Promise((resolve) => this.#socket.write(Buffer.of(octet), resolve));
    }
  }

  /** The next line, without CRLF. */
  async line(): Promise<string> {
    await this.#until(() => this.#received.includes('\r\n'));
    const end = this.#received.indexOf('\r\n');
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 2);
    return line;
  }

  async lines(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) lines.push(await this.line());
    return lines;
  }

  /** A status line and, where it is `+OK`, the lines up to the one with a dot. */
  async block(): Promise<string[]> {
    const lines = [await this.line()];
    while (lines[0]?.startsWith('+OK') && lines.at(-1) !== '.') lines.push(await this.line());
    return lines;
  }

  /** One SMTP reply, however many lines. */
  async reply(): Promise<string[]> {
    const lines = [await this.line()];
    while (lines.at(-1)?.[3] === '-') lines.push(await this.line());
    return lines;
  }

  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`);
    return await this.line();
  }

  async askBlock(command: string): Promise<string[]> {
    this.send(`${command}\r\n`);
    return await this.block();
  }

  async askReply(command: string): Promise<string[]> {
    this.send(`${command}\r\n`);
    return await this.reply();
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<string> {
    await this.#until(() => this.#closed);
    const rest = this.#received;
    this.#received = '';
    return rest;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#closed) throw new Error(`closed with ${JSON.stringify(this.#received)} left`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #attach(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    for (const event of ['end', 'close', 'error']) {
      this.#socket.on(event, () => {
        this.#closed = true;
        this.#wake();
      });
    }
  }
}
