@echo off
rem Starts the flashproof command that was installed with the app, with a Node 24 or newer of this computer:
rem %FLASHPROOF_NODE%, else the node on the PATH. The app's own executable is a window program without a console.
setlocal
if not defined FLASHPROOF_NODE set "FLASHPROOF_NODE=node"
"%FLASHPROOF_NODE%" -e "process.exit(Number(process.versions.node.split('.')[0]) >= 24 ? 0 : 1)" >nul 2>nul
if errorlevel 1 goto missing
"%FLASHPROOF_NODE%" "%~dp0out\cli.js" %*
exit /b %errorlevel%
:missing
echo flashproof needs Node.js 24 or newer; "%FLASHPROOF_NODE%" is none.>&2
echo Install it from nodejs.org, or name one: set FLASHPROOF_NODE=C:\path\to\node.exe. The app itself needs none.>&2
exit /b 127
