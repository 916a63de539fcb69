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
