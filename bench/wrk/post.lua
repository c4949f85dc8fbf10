-- Posts messages, each different, over keep-alive connections, one at a time on each.
--
--   wrk -t1 -c100 -d10s -s bench/wrk/post.lua http://127.0.0.1:8000 -- CHAT_ID COOKIE [SIZE]
--
-- COOKIE is the caller's, for instance user_id=… in trust mode. The last line that is printed is for
-- programs: "wrk", then name=number pairs.

local threads = 0

-- Runs in the main state, once for each thread.
function setup(thread)
  thread:set("thread_id", threads)
  threads = threads + 1
end

-- Runs in each thread. All bodies are of one size, so that the head can be made once.
function init(args)
  local chat, cookie, size = args[1], args[2], tonumber(args[3] or "100")
  local unique = 4 + 12
  before = '{"content":"'
  after = string.rep(".", math.max(0, size - unique)) .. '"}'
  head = table.concat({
    "POST /chats/" .. chat .. "/messages HTTP/1.1",
    "Host: " .. wrk.host,
    "Cookie: " .. cookie,
    "Content-Type: application/json",
    "Content-Length: " .. #before + unique + #after,
    "\r\n",
  }, "\r\n")
  sent = 0
end

function request()
  sent = sent + 1
  return head .. before .. string.format("%04x%012d", thread_id, sent) .. after
end

-- A response hook would make wrk slower than what it measures; its own count of failures will do.
function done(summary, latency)
  local failed = summary.errors.status
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    "wrk accepted=%d refused=%d broken=%d seconds=%.3f p50_us=%d p99_us=%d max_us=%d\n",
    summary.requests - failed, failed, broken, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), latency.max
  ))
end
