-- Neovim 0.7 and later, without any plugin: dofile("…/editors/neovim/opvasm.lua") in init.lua.
-- The command is g:opvasm_command, a list; by default { "opvasm" }.
local command = vim.g.opvasm_command or { "opvasm" }

local function start()
  local name = vim.api.nvim_buf_get_name(0)
  local root = vim.fn.fnamemodify(name, ":h")
  local words = vim.list_extend(vim.deepcopy(command), { "lsp" })
  local settings = { name = "opvasm", cmd = words, root_dir = root }
  if vim.lsp.start then -- 0.8 and later
    vim.lsp.start(settings)
  else
    vim.g.opvasm_client = vim.g.opvasm_client or vim.lsp.start_client(settings)
    vim.lsp.buf_attach_client(0, vim.g.opvasm_client)
  end
end

vim.cmd([[autocmd BufRead,BufNewFile *.opv setfiletype opv]])
vim.api.nvim_create_autocmd("FileType", {
  pattern = "opv",
  callback = function()
    vim.bo.commentstring = "// %s"
    start()
  end,
})

-- Steps through a test or vector of the file: :OpvDebug TEST, then :OpvStep [COMMAND], where COMMAND is
-- a request of the Debug Adapter Protocol: next (the default), stepIn, stepOut, stepBack, continue,
-- reverseContinue.  The cursor goes where the debugger stops.  Whoever has nvim-dap uses that:
--   require("dap").adapters.opvasm = { type = "executable", command = "opvasm", args = { "debug", "--dap", "stdio" } }
function _G.opvasm_debug(launch)
  local debugger = { stops = {} }
  local number, received, waiting = 0, "", {}
  local input, output = vim.loop.new_pipe(false), vim.loop.new_pipe(false)
  local words = vim.list_extend(vim.deepcopy(command), { "debug", "--dap", "stdio" })
  local process = vim.loop.spawn(words[1], {
    args = vim.list_slice(words, 2), stdio = { input, output, nil },
  }, function() input:close() output:close() end)

  local function ask(name, arguments, answered)
    number = number + 1
    waiting[number] = answered
    local text = vim.json.encode({ seq = number, type = "request", command = name, arguments = arguments })
    input:write(string.format("Content-Length: %d\r\n\r\n%s", #text, text))
  end

  local function stopped()
    ask("stackTrace", { threadId = 1 }, function(body)
      local frame = body.stackFrames[1]
      if frame.source then
        vim.cmd("edit +" .. frame.line .. " " .. vim.fn.fnameescape(frame.source.path))
      end
      vim.api.nvim_echo({ { "opvasm: " .. frame.name } }, false, {})
      table.insert(debugger.stops, frame)
    end)
  end

  local function hear(message)
    if message.type == "event" and message.event == "initialized" then
      ask("configurationDone", vim.empty_dict())
    elseif message.type == "event" and message.event == "stopped" then
      stopped()
    elseif message.type == "response" then
      local answered = waiting[message.request_seq]
      waiting[message.request_seq] = nil
      if not message.success then
        vim.api.nvim_echo({ { "opvasm: " .. (message.message or message.command), "ErrorMsg" } }, true, {})
      elseif answered then
        answered(message.body)
      end
    end
  end

  output:read_start(vim.schedule_wrap(function(_, data)
    received = received .. (data or "")
    while true do
      local _, ends, length = received:find("Content%-Length: (%d+)\r\n\r\n")
      if not ends or #received < ends + tonumber(length) then return end
      local text = received:sub(ends + 1, ends + tonumber(length))
      received = received:sub(ends + tonumber(length) + 1)
      hear(vim.json.decode(text))
    end
  end))
  function debugger.step(name) ask(name, { threadId = 1 }) end
  function debugger.stop() process:kill("sigterm") end
  local asked = vim.tbl_extend("force", { program = vim.api.nvim_buf_get_name(0), stopOnEntry = true }, launch)
  ask("initialize", { adapterID = "opvasm" }, function() ask("launch", asked) end)
  _G.opvasm_debugger = debugger
  return debugger
end

vim.cmd([[
  command! -nargs=1 OpvDebug lua opvasm_debug({ test = <q-args> })
  command! -nargs=? OpvStep lua opvasm_debugger.step(<q-args> ~= "" and <q-args> or "next")
]])
