-- Told by the environment, because wrk's own options know headers but neither method nor body.
wrk.method = os.getenv('BENCH_METHOD')
if wrk.method == 'POST' then
  wrk.body = os.getenv('BENCH_BODY')
  wrk.headers['content-type'] = 'application/json'
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('RESULT %d %d %d\n', summary.requests, summary.duration, failed))
end
