import { fromBase64, toBase64 } from '#shared/bytes/base64.ts';
import { assert } from '#shared/fault/fault.ts';
import { type OpenFile, openFile, type PseudoFile, type PseudoTree, systemError } from './pseudo-file.ts';

/** A system call that `hook.ts` passes on. */
export type KernelRequest =
  | { readonly call: 'stat' | 'list' | 'mkdir' | 'rmdir'; readonly path: string }
  | { readonly call: 'open'; readonly path: string; readonly mode: 'read' | 'write' }
  | { readonly call: 'read'; readonly file: number; readonly bytes: number; readonly position?: number }
  | { readonly call: 'write'; readonly file: number; readonly base64: string }
  | { readonly call: 'close'; readonly file: number };

/** What a call gives; bytes as base64. */
export type KernelValue = string | number | readonly string[] | null;

/** A part of the file system. */
export interface Mount {
  /** Absolute path at which an enclave finds the tree. */
  readonly root: string;
  readonly tree: PseudoTree;
}

/** Carries out one system call; throws a `systemError` where a kernel gives an error. */
export type Kernel = (request: KernelRequest) => Promise<KernelValue>;

/** A kernel that has nothing but `mounts`. */
export function kernelWith(mounts: readonly Mount[]): Kernel {
  const files = openFiles();
  return async (request) => {
    switch (request.call) {
      case 'stat':
        return nodeAt(mounts, request.path) === 'directory' ? 'directory' : 'file';
      case 'list':
        if (nodeAt(mounts, request.path) !== 'directory') throw systemError('ENOTDIR');
        return inTree(mounts, request.path, (tree, path) => tree.list(path));
      case 'mkdir':
        inTree(mounts, request.path, (tree, path) => tree.makeDirectory(path));
        return null;
      case 'rmdir':
        inTree(mounts, request.path, (tree, path) => tree.removeDirectory(path));
        return null;
      case 'open': {
        const node = nodeAt(mounts, request.path);
        if (node === 'directory') throw systemError('EISDIR');
        return files.add(openFile(node, request.mode));
      }
      case 'read':
        return toBase64(await files.get(request.file).read(request.bytes, request.position));
      case 'write':
        return files.get(request.file).write(bytesOf(request.base64));
      case 'close':
        // As configfs does it: what becomes of the bytes at the end is told to nobody.
        await files
          .remove(request.file)
          .close()
          .catch(() => undefined);
        return null;
    }
  };
}

function inTree<T>(mounts: readonly Mount[], path: string, act: (tree: PseudoTree, rest: string) => T): T {
  const mount = mounts.find(({ root }) => path === root || path.startsWith(`${root}/`));
  if (mount === undefined) throw systemError('ENOENT');
  return act(mount.tree, path.slice(mount.root.length + 1));
}

function nodeAt(mounts: readonly Mount[], path: string): PseudoFile | 'directory' {
  const node = inTree(mounts, path, (tree, rest) => tree.find(rest));
  if (node === undefined) throw systemError('ENOENT');
  return node;
}

function openFiles() {
  const files = new Map<number, OpenFile>();
  let numbers = 0;
  function get(number: number): OpenFile {
    const file = files.get(number);
    if (file === undefined) throw systemError('EBADF');
    return file;
  }
  return {
    get,
    add(file: OpenFile): number {
      numbers += 1;
      files.set(numbers, file);
      return numbers;
    },
    remove(number: number): OpenFile {
      const file = get(number);
      files.delete(number);
      return file;
    },
  };
}

function bytesOf(base64: string): Uint8Array {
  const bytes = fromBase64(base64);
  assert(bytes !== undefined, 'the hook writes base64');
  return bytes;
}
