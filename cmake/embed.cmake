# SPDX-License-Identifier: ISC
# A page as a C string: cmake -D IN=page.html -D OUT=page.c -D NAME=name
#  -D HEADER=page.h -P embed.cmake
#
# @SCRIPT_SHA256@ and @STYLE_SHA256@ become what a Content-Security-Policy calls
# the page's own <script> and <style>, so that a browser runs nothing else; the
# strings name_script_sha256 and name_style_sha256 are the same for a header.

# digest(OUT text): base64 of the SHA-256, which CMake itself cannot do.
function(digest out text)
  set(letters ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  string(SHA256 hex "${text}")
  set(result "")
  # 64 digits: ten groups of three bytes, and two bytes.
  foreach(group RANGE 10)
    math(EXPR at "${group} * 6")
    string(SUBSTRING "${hex}00" ${at} 6 digits)
    foreach(shift 18 12 6 0)
      math(EXPR index "(0x${digits} >> ${shift}) & 63")
      string(SUBSTRING "${letters}" ${index} 1 letter)
      string(APPEND result "${letter}")
    endforeach()
  endforeach()
  string(SUBSTRING "${result}" 0 43 result)
  set(${out} "${result}=" PARENT_SCOPE)
endfunction()

# between(OUT begin end): the text of the page from one mark to another.
function(between out begin end)
  string(FIND "${page}" "${begin}" from)
  string(LENGTH "${begin}" length)
  math(EXPR from "${from} + ${length}")
  string(SUBSTRING "${page}" ${from} -1 rest)
  string(FIND "${rest}" "${end}" length)
  string(SUBSTRING "${rest}" 0 ${length} rest)
  set(${out} "${rest}" PARENT_SCOPE)
endfunction()

file(READ ${IN} page)
between(script "<script>" "</script>")
between(style "<style>" "</style>")
digest(script_digest "${script}")
digest(style_digest "${style}")
string(REPLACE "@SCRIPT_SHA256@" "${script_digest}" page "${page}")
string(REPLACE "@STYLE_SHA256@" "${style_digest}" page "${page}")
file(WRITE ${OUT}.html "${page}")
file(READ ${OUT}.html bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst unsigned char ${NAME}[] = {\n${bytes}0x00\n};\n"
  "const char ${NAME}_script_sha256[] = \"${script_digest}\";\n"
  "const char ${NAME}_style_sha256[] = \"${style_digest}\";\n")
