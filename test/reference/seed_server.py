"""The server of the seed document with nothing but Python's standard library.

`handle_chunk_upload` and `handle_chunk_complete` do what the document's functions do, line by line; the routes match as
its framework's patterns do (`<path:target_path>/<int:number>`, POST only). Serves the folder it is started in on a free
port of 127.0.0.1, prints that port, and ends when its standard input is closed.
"""

import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote


def handle_chunk_upload(body, target_path, chunk_index):
    temp_filename = f"{target_path}.part.{chunk_index}"
    with open(temp_filename, "wb") as f:
        f.write(body)
    return {"success": True, "chunk": chunk_index}


def handle_chunk_complete(target_path, total_chunks):
    try:
        with open(target_path, "wb") as final_file:
            for i in range(total_chunks):
                chunk_filename = f"{target_path}.part.{i}"
                with open(chunk_filename, "rb") as chunk_file:
                    while True:
                        data = chunk_file.read(512)
                        if not data:
                            break
                        final_file.write(data)
                os.remove(chunk_filename)
        return {"success": True, "path": target_path}
    except Exception as e:
        for i in range(total_chunks):
            try:
                os.remove(f"{target_path}.part.{i}")
            except OSError:
                pass
        return {"success": False, "error": str(e)}


ROUTE = re.compile(r"^/upload/(chunk|complete)/(.+)/(\d+)$")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        match = ROUTE.match(self.path)
        if match is None:
            self.answer(404, "text/plain", "Not found")
            return
        target_path = unquote(match.group(2))
        number = int(match.group(3))
        try:
            if match.group(1) == "chunk":
                result = handle_chunk_upload(body, target_path, number)
            else:
                result = handle_chunk_complete(target_path, number)
        except Exception:
            self.answer(500, "text/plain", "Internal server error")
            return
        self.answer(200, "application/json", json.dumps(result))

    def do_GET(self):
        exists = ROUTE.match(self.path) is not None
        self.answer(405 if exists else 404, "text/plain", "Method not allowed" if exists else "Not found")

    def answer(self, status, content_type, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def main():
    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
