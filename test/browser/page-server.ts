import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server on the loopback interface that serves a few files from memory. */
export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Content type and body by path. Browsers hold the loopback interface for a secure context, which WebCrypto asks for. */
export async function servePages(
  pages: Readonly<Record<string, readonly [type: string, body: string | Uint8Array]>>,
): Promise<PageServer> {
  const server: Server = createServer(({ url = '/' }, response) => {
    const page = Object.hasOwn(pages, url) ? pages[url] : undefined;
    if (page === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': page[0] }).end(page[1]);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
